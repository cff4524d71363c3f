//go:build !race

package service_test

// raceEnabled says that the race detector runs, under which times mean nothing.
const raceEnabled = false
