package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// engineCPU returns a reading of the CPU time that the database's own processes used so far: nothing for SQLite, which
// has none, and for PostgreSQL its main process and all its children, those that have ended included.
func (t *town) engineCPU(ctx context.Context) (func() (time.Duration, error), error) {
	if t.isSQLite() {
		return func() (time.Duration, error) { return 0, nil }, nil
	}
	pool, err := t.pool()
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	main, err := mainProcess(ctx, pool)
	return func() (time.Duration, error) { return familyCPU(main) }, err
}

// mainProcess is the parent of the process that serves a connection.
func mainProcess(ctx context.Context, pool *sql.DB) (int, error) {
	var served int
	if err := pool.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&served); err != nil {
		return 0, err
	}
	fields, err := statFields(served)
	if err != nil {
		return 0, errUnmeasured // on another machine, say
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
