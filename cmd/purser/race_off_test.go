//go:build !race

package main

// raceEnabled says that the race detector runs, under which times mean nothing.
const raceEnabled = false
