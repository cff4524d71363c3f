package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// newSandbox is `purser sandbox`: what only a sandbox can do.
func newSandbox(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "sandbox", Short: "Move a running sandbox's clock; keep, restore and fork its world; make trouble",
		Long: "These commands ask the `purser dev` that runs on the data folder. `purser serve` refuses all of them.",
	}
	command.AddCommand(newSandboxClock(p), newSnapshotMake(p), newSnapshotRestore(p), newSnapshotFork(p), newSnapshotList(p), newSnapshotRemove(p), newTrouble(p))
	return command
}

// clockMove is where the clock is moved to. One of By with Years and Months, To and Event is given; times are in
// nanoseconds.
type clockMove struct {
	Years  int                `json:"years,omitempty"`
	Months int                `json:"months,omitempty"`
	By     time.Duration      `json:"by,omitempty"`
	To     time.Time          `json:"to,omitzero"`
	Event  service.ClockEvent `json:"event,omitempty"`
	Zone   string             `json:"zone,omitempty"`
	Place  int64              `json:"place,omitempty"`
	Before time.Duration      `json:"before,omitempty"`
}

// clockAnswer is the clock in JSON, with what a move did. Times that there are not are left out.
type clockAnswer struct {
	Now    time.Time `json:"now"`
	Wall   time.Time `json:"wall"`
	Frozen bool      `json:"frozen"`
	// Timer, Allowance and Token are what the clock can jump to.
	Timer     time.Time    `json:"timer,omitzero"`
	Allowance time.Time    `json:"allowance_expiry,omitzero"`
	Token     time.Time    `json:"token_expiry,omitzero"`
	Moved     *movedAnswer `json:"moved,omitempty"`
}

// movedAnswer is what happened while the clock was moved: at how many instants, and how much by itself; and how many
// callbacks are due and not delivered yet.
type movedAnswer struct {
	From    time.Time `json:"from"`
	Steps   int       `json:"steps"`
	Done    int       `json:"done"`
	Waiting int       `json:"callbacks_waiting"`
}

// clockActions are the actions of the verb, and which of them take an argument.
var clockActions = map[string]bool{"show": false, "freeze": false, "run": false, "advance": true, "jump": true}

func newSandboxClock(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "clock [ACTION] [WHEN]",
		Short: "Show, freeze, let run, advance and jump the sandbox's clock",
		Long: "The clock stamps and expires everything: tokens, codes, reservations, allowances, opening hours. What proves a request\n" +
			"stays on the wall clock: `ts` of signatures, nonces, GET /server, certificates. ACTION is one of\n\n" +
			"  show          what it shows, and what it can jump to; so does no action\n" +
			"  freeze, run   have it stand still, or run on from where it stands\n" +
			"  advance TIME  move it on: 90s, 36h, 30d, 2w, 3mo, 1y, or several as in 1y2mo3d\n" +
			"  jump WHEN     move it to an instant (2027-03-28, 2027-03-28T03:00:00Z), or to the next\n" +
			"                dst               change between summer and winter time, with --place or --zone\n" +
			"                allowance-expiry  end of an allowance\n" +
			"                token-expiry      end of an access token\n" +
			"                timer             thing that happens by itself, or\n" +
			"                now               to the wall clock, for one that lags behind\n\n" +
			"On the way it stops wherever something is due, does it and lets callbacks leave, as if the time had been waited for.\n" +
			"It moves forward alone; restore a snapshot to go back.",
		Example: "  purser sandbox clock advance 1y\n  purser sandbox clock jump dst --place 456 --before 1m",
		Args:    cobra.RangeArgs(0, 2),
	}
	var move clockMove
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&move.Zone, "zone", "", "with jump dst: the `zone`, such as Europe/Vilnius")
		flags.Int64Var(&move.Place, "place", 0, "with jump dst: the `number` of a place, for its zone")
		flags.DurationVar(&move.Before, "before", 0, "with jump to what is next: stop that `time` before it")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		action := "show"
		if len(v.args) > 0 {
			action = v.args[0]
		}
		takes, known := clockActions[action]
		switch {
		case !known:
			return fmt.Errorf("%q is not what a clock can do: show, freeze, run, advance TIME or jump WHEN", action)
		case takes != (len(v.args) == 2):
			return fmt.Errorf("%s takes %s: `%s --help` shows them", action, map[bool]string{true: "one argument", false: "no argument"}[takes], v.path)
		case action != "jump" && (v.given("zone") || v.given("place") || v.given("before")):
			return fmt.Errorf("--zone, --place and --before belong to jump")
		}
		return v.moveClock(action, move)
	})
}

// moveClock runs an action and shows what the clock shows then.
func (v *verb) moveClock(action string, move clockMove) (err error) {
	road, in := "sandbox/clock/"+action, any(struct{}{})
	switch action {
	case "advance":
		move.Years, move.Months, move.By, err = parseAdvance(v.args[1])
		road, in = "sandbox/clock/move", &move
	case "jump":
		move.To, move.Event, err = parseJump(v.args[1])
		road, in = "sandbox/clock/move", &move
		switch {
		case err != nil:
		case (move.Zone != "" || move.Place != 0) && move.Event != service.NextChange:
			err = fmt.Errorf("--zone and --place belong to jump dst")
		case move.Before < 0 || move.Before > 0 && move.Event == "":
			err = fmt.Errorf("--before is a time above zero, and belongs to a jump to what is next")
		}
	}
	if err != nil {
		return err
	}
	a, err := ask[clockAnswer](v, road, in)
	if err != nil {
		return err
	}
	return v.answer(a, func(p *page) {
		if m := a.Moved; m != nil {
			p.line("The clock was moved on from %s: %d things happened, at %d instants.", stamp(m.From), m.Done, m.Steps)
			if m.Waiting > 0 {
				p.line("%d callbacks are due and were not delivered yet: their receivers are slow.", m.Waiting)
			}
		}
		p.fields("clock", stamp(a.Now)+map[bool]string{true: ", frozen"}[a.Frozen], "wall clock", stamp(a.Wall),
			"next timer", stamp(a.Timer), "next allowance-expiry", stamp(a.Allowance), "next token-expiry", stamp(a.Token))
	})
}

// advanceForm is a time in years, months, weeks and days, with hours and what is less behind them.
var advanceForm = regexp.MustCompile(`^(?:([0-9]{1,4})y)?(?:([0-9]{1,4})mo)?(?:([0-9]{1,4})w)?(?:([0-9]{1,5})d)?((?:[0-9.]+(?:h|m|s|ms))*)$`)

// parseAdvance reads how far the clock goes on.
func parseAdvance(text string) (years, months int, by time.Duration, err error) {
	refused := fmt.Errorf("%q is no time to advance by: write 90s, 36h, 30d, 2w, 3mo, 1y, or several as in 1y2mo3d", text)
	parts := advanceForm.FindStringSubmatch(text)
	if parts == nil || text == "" {
		return 0, 0, 0, refused
	}
	var n [5]int
	for i := 1; i < 5; i++ {
		n[i], _ = strconv.Atoi(parts[i]) // digits, or none
	}
	if parts[5] != "" {
		if by, err = time.ParseDuration(parts[5]); err != nil {
			return 0, 0, 0, refused
		}
	}
	const day = 24 * time.Hour
	return n[1], n[2], by + time.Duration(7*n[3]+n[4])*day, nil
}

// parseJump reads where the clock jumps to.
func parseJump(text string) (to time.Time, event service.ClockEvent, err error) {
	if slices.Contains(service.ClockEvents(), service.ClockEvent(text)) {
		return to, service.ClockEvent(text), nil
	}
	if to, err = parseInstant(text); err != nil {
		err = fmt.Errorf("%w; or what is next: %s", err, words(service.ClockEvents()))
	}
	return to, "", err
}

// clockVerbs answer the verbs on the clock, where there is one that can be moved, and refuse what else is a sandbox's
// alone: a running one answers that before.
func clockVerbs(mux *http.ServeMux, s *service.Service) {
	show := func(ctx context.Context, c wallet.Caller) (clockAnswer, error) {
		v, err := s.ShowClock(ctx, c)
		return clockAnswer{Now: v.Now, Wall: v.Wall.UTC(), Frozen: v.Frozen, Timer: v.Timer, Allowance: v.Allowance, Token: v.Token}, err
	}
	for name, act := range map[string]func(context.Context, wallet.Caller) error{
		"show": func(context.Context, wallet.Caller) error { return nil }, "freeze": s.FreezeClock, "run": s.RunClock,
	} {
		handleVerb(mux, "sandbox/clock/"+name, func(ctx context.Context, c wallet.Caller, _ struct{}) (clockAnswer, error) {
			if err := act(ctx, c); err != nil {
				return clockAnswer{}, err
			}
			return show(ctx, c)
		})
	}
	handleVerb(mux, "sandbox/clock/move", func(ctx context.Context, c wallet.Caller, m clockMove) (clockAnswer, error) {
		moved, err := s.MoveClock(ctx, c, service.ClockMove(m))
		if err != nil {
			return clockAnswer{}, err
		}
		a, err := show(ctx, c)
		a.Moved = &movedAnswer{moved.From, moved.Steps, moved.Done, moved.Waiting}
		return a, err
	})
	for _, name := range []string{"snapshot", "restore", "fork", "list", "remove"} {
		mux.HandleFunc("POST /sandbox/"+name, func(w http.ResponseWriter, _ *http.Request) {
			replyOperator(w, nil, wallet.Errorf(wallet.InvalidState, "only a running sandbox keeps snapshots: start `purser dev`."))
		})
	}
}

func newSnapshotMake(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "snapshot NAME", Short: "Keep the whole world as it is under a name",
		Long: "Keeps the database, keys, nonces and the clock, as they are at one moment, in the data folder. Calls go on meanwhile.",
		Args: cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		done, err := ask[snapshotDone](v, "sandbox/snapshot", snapshotName{Name: v.args[0]})
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			p.line("Snapshot %s holds the world at %s.", done.Snapshot.Name, stamp(done.Snapshot.Clock))
		})
	})
}

func newSnapshotRestore(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "restore NAME", Short: "Go back to a snapshot: all that happened since is gone",
		Long: "Puts the world of a snapshot into the place of the present one, which is thrown away, its clock included. Calls wait for\n" +
			"that moment; addresses stay. Without --apply the command says what it would do.",
		Args: cobra.ExactArgs(1),
	}
	return newSnapshotDestroy(p, command, "sandbox/restore", func(p *page, a snapshotAnswer, applied bool) {
		if applied {
			p.line("The world is the one of snapshot %s, at %s.", a.Name, stamp(a.Clock))
		} else {
			p.line("This throws the present world away and goes back to snapshot %s, at %s. %s", a.Name, stamp(a.Clock), notDone)
		}
	})
}

func newSnapshotRemove(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "remove NAME", Short: "Remove a snapshot for good", Args: cobra.ExactArgs(1),
		Long: "Removes a snapshot; the present world stays. Without --apply the command says what it would do.",
	}
	return newSnapshotDestroy(p, command, "sandbox/remove", func(p *page, a snapshotAnswer, applied bool) {
		if applied {
			p.line("There is no snapshot %s any more.", a.Name)
		} else {
			p.line("This removes snapshot %s, made at %s. %s", a.Name, stamp(a.MadeAt), notDone)
		}
	})
}

// newSnapshotDestroy completes a command that destroys something about a snapshot.
func newSnapshotDestroy(p *program, command *cobra.Command, road string, say func(p *page, a snapshotAnswer, applied bool)) *cobra.Command {
	return newVerb(p, command, applyFlag, func(v *verb) error {
		done, err := ask[snapshotDone](v, road, snapshotName{v.args[0], v.applies()})
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) { say(p, done.Snapshot, done.Applied) })
	})
}

func newSnapshotFork(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "fork NAME FOLDER", Short: "Make another sandbox of a snapshot, in a data folder of its own",
		Long: "Makes a data folder of a snapshot: `purser dev --data FOLDER` with another --listen starts a second sandbox on it, which\n" +
			"goes on from the snapshot by itself.",
		Example: "  purser sandbox fork before-checkout ./second\n  purser dev --data ./second --listen 127.0.0.1:0",
		Args:    cobra.ExactArgs(2),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		folder, err := filepath.Abs(v.args[1])
		if err != nil {
			return err
		}
		done, err := ask[snapshotDone](v, "sandbox/fork", snapshotFork{v.args[0], folder})
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			p.line("%s is a sandbox of its own: start it with `purser dev --data %s --listen 127.0.0.1:0`.", v.args[1], shellWord(v.args[1]))
		})
	})
}

func newSnapshotList(p *program) *cobra.Command {
	command := &cobra.Command{Use: "list", Short: "List the snapshots", Args: cobra.NoArgs}
	return newVerb(p, command, nil, func(v *verb) error {
		found, err := ask[snapshotListAnswer](v, "sandbox/list", struct{}{})
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Snapshots) == 0 {
				p.line("There are no snapshots.")
				return
			}
			var rows [][]string
			for _, a := range found.Snapshots {
				rows = append(rows, []string{a.Name, stamp(a.MadeAt), strings.TrimSpace(stamp(a.Clock) + map[bool]string{true: " frozen"}[a.Frozen]), strconv.FormatInt(a.Bytes/1024, 10) + " KiB"})
			}
			p.table([]string{"NAME", "MADE", "CLOCK", "SIZE"}, rows)
		})
	})
}
