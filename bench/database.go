package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cpuUsed is the CPU time that this process and PostgreSQL's have used so far.
func (t *town) cpuUsed() (time.Duration, error) {
	engine, err := t.engineCPU()
	return ownCPU() + engine, err
}

// engineCPU is the CPU time that the database's own processes used so far: nothing for SQLite, which has none, and
// for PostgreSQL its main process and all its children, those that have ended included.
func (t *town) engineCPU() (time.Duration, error) {
	if t.postmaster == 0 {
		return 0, nil
	}
	return familyCPU(t.postmaster)
}

// mainProcess is the parent of the process that serves a connection; 0 where the town has none on this machine.
func (t *town) mainProcess(ctx context.Context) (int, error) {
	if t.isSQLite() {
		return 0, nil
	}
	pool, err := t.pool()
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	var served int
	if err := pool.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&served); err != nil {
		return 0, err
	}
	fields, err := statFields(served)
	if err != nil {
		return 0, nil
	}
	return strconv.Atoi(string(fields[1]))
}

// statFields are the fields of /proc/PID/stat from the state on.
func statFields(pid int) ([][]byte, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name in parentheses may hold blanks.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return nil, errUnmeasured
	}
	return fields, nil
}

// familyCPU adds up a process, its children that live, and those that it has waited for.
func familyCPU(main int) (time.Duration, error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, folder := range all {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		fields, err := statFields(pid)
		if err != nil {
			continue // it has ended meanwhile
		}
		times := fields[11:13] // user and system
		switch {
		case pid == main:
			times = fields[11:15] // and those of children that have ended
		case string(fields[1]) != strconv.Itoa(main):
			continue
		}
		for _, field := range times {
			n, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick, nil
}
