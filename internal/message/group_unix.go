//go:build unix

package message

import (
	"os/exec"
	"syscall"
)

// endTogether makes the program's time limit end what it started as well: a script that hangs does
// so in a child, which would stay.
func endTogether(run *exec.Cmd) {
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
}
