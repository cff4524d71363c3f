//go:build !unix

package message

import "os/exec"

// endTogether does nothing where there are no process groups: the time limit ends the program
// alone.
func endTogether(*exec.Cmd) {}
