package exchange

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Run is what is held against a server.
type Run struct {
	World   World
	Files   []File
	Vectors []VectorFile
	// Renew puts the world back to where it was, before and after a file that changes it; nil where nobody can.
	Renew func(ctx context.Context) error
	// Change has what changes the world played on the world as it is, where nobody can renew it.
	Change bool
	// Done is told of each file when it is through; nil for nobody.
	Done func(Result)
}

// What became of a file.
const (
	OK      = "ok"
	Differs = "differs"
	LeftOut = "left out"
)

// Result is what became of a file.
type Result struct {
	File string `json:"file"`
	// Outcome is OK, Differs or LeftOut, and Reason why it was left out.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	// Calls were made.
	Calls int `json:"calls"`
	// OnWorldAsItIs says that the file changes the world, and was played on one that nobody had renewed.
	OnWorldAsItIs bool         `json:"on_world_as_it_is,omitempty"`
	Differences   []Difference `json:"differences,omitempty"`
	// Left are the vectors and exchanges of the file that were left out, each with its reason.
	Left []Omission `json:"left_out,omitempty"`
}

// Omission is a vector, by its name, or an exchange, by its line, that was left out.
type Omission struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
}

// Report is what became of all.
type Report struct {
	Results []Result `json:"files"`
	// Files that came out so, and vectors and exchanges of others that were left out.
	OK          int `json:"ok"`
	Differ      int `json:"differ"`
	LeftOut     int `json:"left_out"`
	PartsLeft   int `json:"parts_left_out"`
	Calls       int `json:"calls"`
	Differences int `json:"differences"`
}

// add counts a result in.
func (r *Report) add(result Result) {
	r.Results = append(r.Results, result)
	switch result.Outcome {
	case OK:
		r.OK++
	case Differs:
		r.Differ++
	default:
		r.LeftOut++
	}
	r.PartsLeft += len(result.Left)
	r.Calls += result.Calls
	r.Differences += len(result.Differences)
}

// Conforms says that nothing differed, and that something was looked at.
func (r Report) Conforms() bool { return r.Differ == 0 && r.OK > 0 }

// All plays everything, files first. It ends early, with an error, when the context does or the world cannot be renewed.
func (r Run) All(ctx context.Context) (report Report, err error) {
	done := func(result Result) {
		if report.add(result); r.Done != nil {
			r.Done(result)
		}
	}
	for _, file := range r.Files {
		result, err := r.file(ctx, file)
		if err != nil {
			return report, err
		}
		done(result)
	}
	for _, file := range r.Vectors {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		done(r.vectors(ctx, file))
	}
	return report, nil
}

// reasonChange is why what changes the world is left out.
const reasonChange = "it changes the world, which nobody can renew here: --change plays it on the world as it is"

func (r Run) file(ctx context.Context, file File) (result Result, err error) {
	result = Result{File: file.Name, Outcome: LeftOut}
	changes := file.Changes()
	if !changes {
		file.Exchanges, result.Left = r.playable(file.Exchanges)
	}
	switch lacks := r.World.Lacks(file.Exchanges); {
	case len(file.Exchanges) == 0:
		result.Reason, result.Left = result.Left[0].Reason, nil
		return result, nil
	case lacks != "":
		result.Reason = lacks
		return result, nil
	case changes && r.Renew == nil && !r.Change:
		result.Reason = reasonChange
		return result, nil
	}
	result.OnWorldAsItIs = changes && r.Renew == nil
	result.Calls = len(file.Exchanges)
	result.Differences, err = r.World.Play(ctx, file.Exchanges)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if err != nil {
		d := Difference{Request: file.Name, What: "answer", Want: "an answer", Got: shortened(err.Error())}
		d.mask(r.World.Secrets)
		result.Differences = append(result.Differences, d)
	}
	if result.Outcome = OK; len(result.Differences) > 0 {
		result.Outcome = Differs
	}
	if changes && r.Renew != nil {
		if err := r.Renew(ctx); err != nil {
			return result, fmt.Errorf("renewing the world after %s: %w", file.Name, err)
		}
	}
	return result, nil
}

// playable are the exchanges of a file that changes nothing which can be played here: they do not depend on each other, but on
// the request just before where they name it, and on all before where they go on from what an answer gave.
func (r Run) playable(exchanges []Exchange) (playable []Exchange, left []Omission) {
	lacks := ""
	for _, e := range exchanges {
		if own := r.World.Lacks([]Exchange{e}); own != "" || !strings.Contains(e.said()+e.Answer, requestIDWord) {
			lacks = own
		}
		if said := e.said(); lacks == "" && len(left) > 0 && (cursorWord.MatchString(said) || strings.Contains(said, etagWord)) {
			lacks = left[len(left)-1].Reason
		}
		if lacks == "" {
			playable = append(playable, e)
			continue
		}
		left = append(left, Omission{"line " + strconv.Itoa(e.Line), lacks})
	}
	return playable, left
}

// vectors makes the calls of a file of vectors.
func (r Run) vectors(ctx context.Context, file VectorFile) (result Result) {
	result = Result{File: file.Name, Outcome: LeftOut, Reason: file.LeftOut}
	for _, p := range file.Probes {
		switch {
		case p.LeftOut != "":
			result.Left = append(result.Left, Omission{p.Name, p.LeftOut})
			continue
		case p.Changes && p.Refused == 0 && r.Renew == nil && !r.Change:
			result.Left = append(result.Left, Omission{p.Name, reasonChange})
			continue
		}
		result.Calls++
		if d, differs := r.probe(ctx, p); differs {
			result.Differences = append(result.Differences, d)
		}
		if p.Changes && p.Refused == 0 && r.Renew != nil {
			if err := r.Renew(ctx); err != nil {
				result.Differences = append(result.Differences, Difference{Vector: p.Name, What: "before", Want: "a world that was renewed", Got: err.Error()})
				break
			}
		}
	}
	switch {
	case len(result.Differences) > 0:
		result.Outcome = Differs
	case result.Calls > 0:
		result.Outcome = OK
	case result.Reason == "":
		result.Reason = "none of its vectors can be a call here"
	}
	return result
}

// probe makes the calls of one vector, and says whether the last one was answered otherwise than it must be.
func (r Run) probe(ctx context.Context, p Probe) (d Difference, differs bool) {
	messages := p.Messages()
	if len(messages) == 0 {
		return d, false // the mistake came to nothing this time
	}
	last := messages[len(messages)-1]
	d = Difference{Vector: p.Name, Request: last.Method + " " + last.Target, What: "status", Want: "anything but " + strconv.Itoa(http.StatusUnauthorized)}
	if p.Refused != 0 {
		d.Want = strconv.Itoa(p.Refused) + ", because of its signature"
	}
	var answer *Answer
	for _, m := range messages {
		var err error
		if answer, err = r.World.Send(ctx, m); err != nil {
			d.What, d.Got = "answer", shortened(err.Error())
			d.mask(r.World.Secrets)
			return d, true
		}
	}
	d.RequestID, d.Got = answer.Header.Get(requestIDHeader), strconv.Itoa(answer.Status)
	if answer.Status == p.Refused || p.Refused == 0 && answer.Status != http.StatusUnauthorized {
		return d, false
	}
	d.Lines = []string{" " + shortened(answer.Body)}
	d.mask(r.World.Secrets)
	return d, true
}
