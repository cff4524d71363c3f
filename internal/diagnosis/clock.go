package diagnosis

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/auth"
)

// judgeTime adds what is wrong with ts, unless the MAC has told it already.
func (in Evidence) judgeTime(d *Diagnosis) {
	if d.has(tsMilliseconds) {
		return
	}
	seconds, fraction, ok := parseTS(in.Request.Authorization.TS)
	if !ok {
		nonce, _, numeric := parseTS(in.Request.Authorization.Nonce)
		switch {
		case d.has(tsNonceSwapped):
		case numeric && in.near(nonce):
			d.add(Finding{Cause: tsNonceSwapped, Did: "The header carries the time as its nonce, and something else as its ts."})
		default:
			d.add(Finding{Cause: tsNotANumber, Did: "The ts of the header is not a decimal number."})
		}
		return
	}
	// Sub stops at the longest Duration, some three hundred years.
	off := in.Now.Sub(time.Unix(seconds, fraction))
	if off.Abs() <= auth.DefaultWindow {
		return
	}
	for _, unit := range []struct {
		size int64
		name string
	}{{1e3, "milliseconds"}, {1e6, "microseconds"}, {1e9, "nanoseconds"}} {
		if in.near(seconds / unit.size) {
			d.add(Finding{Cause: tsMilliseconds, Did: "The ts of the header counts " + unit.name + "."})
			return
		}
	}
	cause, direction := clockBehind, "behind"
	if off < 0 {
		cause, direction = clockAhead, "ahead of"
	}
	now := in.Now.Unix()
	did := fmt.Sprintf("The ts is %d seconds %s the server's clock, which read %d.", max(now-seconds, seconds-now), direction, now)
	if zone := off.Abs().Round(15 * time.Minute); zone >= time.Hour && zone <= 14*time.Hour && (off.Abs()-zone).Abs() <= time.Minute {
		did += fmt.Sprintf(" That is a time zone's distance (%d h %02d min): local time may have been taken for UTC.", zone/time.Hour, zone%time.Hour/time.Minute)
	}
	d.add(Finding{Cause: cause, Did: did})
}

var timeForm = regexp.MustCompile(`^(\d+)(?:\.(\d+))?$`)

// parseTS reads UNIX seconds, and the nanoseconds of their fraction if they have one.
func parseTS(ts string) (seconds, nanoseconds int64, ok bool) {
	parts := timeForm.FindStringSubmatch(ts)
	if parts == nil {
		return 0, 0, false
	}
	nanoseconds, _ = strconv.ParseInt((parts[2] + "000000000")[:9], 10, 64)
	seconds, err := strconv.ParseInt(parts[1], 10, 62) // one bit less than time.Unix takes
	return seconds, nanoseconds, err == nil
}

// near says that seconds is a time within ten years of the server's.
func (in Evidence) near(seconds int64) bool {
	const tenYears = 10 * 365 * 24 * 3600
	off := in.Now.Unix() - seconds
	return -tenYears < off && off < tenYears
}
