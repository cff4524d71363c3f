package service_test

import "os"

// timingSamples is how many samples the stopwatch takes where the 2,000 of CI are not enough.
var timingSamples = os.Getenv("PURSER_TEST_TIMING_SAMPLES")
