package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/mapfile"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// importQuery says how rows become places: the first line of what goes to the process that holds the data. Its rows
// follow, a line each, and a line that says that these are all.
type importQuery struct {
	Project int64  `json:"project"`
	File    string `json:"file"`
	Apply   bool   `json:"apply"`
	// AllOrNothing is there only where it is asked for: a process of an older version, which does not know it, refuses it.
	AllOrNothing bool    `json:"all_or_nothing,omitempty"`
	Public       bool    `json:"public"`
	Distance     float64 `json:"distance"`
	List         int     `json:"list"`
}

func (q importQuery) options() service.ImportOptions { return service.ImportOptions(q) }

// importLine is a row, or the end of all: that of the file, or that of what could be read of it.
type importLine struct {
	Row    *mapfile.Row `json:"row,omitempty"`
	End    bool         `json:"end,omitempty"`
	CutOff bool         `json:"cut_off,omitempty"`
}

// importAnswer says what an import did, or would do.
type importAnswer struct {
	Applied   bool  `json:"applied"`
	Created   int   `json:"created"`
	Changed   int   `json:"changed"`
	Unchanged int   `json:"unchanged"`
	Refused   int   `json:"refused"`
	FirstID   int64 `json:"first_id,omitempty"`
	LastID    int64 `json:"last_id,omitempty"`
	// New, Changes and Refusals are the first rows of each kind.
	New      []importedRow `json:"new"`
	Changes  []importedRow `json:"changes"`
	Refusals []refusedRow  `json:"refusals"`
	// PassedOver are elements of an extract that are no places, Ignored names of properties that mean nothing here,
	// and Broken why the file could not be read to its end: what comes before it counts.
	PassedOver int      `json:"passed_over,omitempty"`
	Ignored    []string `json:"ignored,omitempty"`
	Broken     string   `json:"broken,omitempty"`
}

// importedRow is a row with the place before, where there was one, and after.
type importedRow struct {
	Where  string         `json:"where"`
	Before *placeDocument `json:"before,omitempty"`
	After  placeDocument  `json:"after"`
}

type refusedRow struct {
	Where    string            `json:"where"`
	Title    wallet.Text       `json:"title,omitempty"`
	Problems []mapfile.Problem `json:"problems"`
}

func importToAnswer(r service.ImportReport) importAnswer {
	a := importAnswer{
		Applied: r.Applied, Created: r.Created, Changed: r.Changed, Unchanged: r.Unchanged, Refused: r.Refused, FirstID: r.FirstID, LastID: r.LastID,
		New: []importedRow{}, Changes: []importedRow{}, Refusals: []refusedRow{},
	}
	for _, row := range r.New {
		a.New = append(a.New, importedRow{Where: row.Where, After: placeToAnswer(row.Place)})
	}
	for _, row := range r.Changes {
		before := placeToAnswer(row.Before)
		a.Changes = append(a.Changes, importedRow{Where: row.Where, Before: &before, After: placeToAnswer(row.After)})
	}
	for _, row := range r.Refusals {
		a.Refusals = append(a.Refusals, refusedRow(row))
	}
	return a
}

// importFlags are `purser place import` on the command line.
type importFlags struct {
	query  importQuery
	format string
	locale string
	tags   []string
}

func (f *importFlags) bind(flags *pflag.FlagSet) {
	flags.Int64Var(&f.query.Project, "project", 0, "`project` whose places they are")
	flags.StringVar(&f.format, "format", "", "geojson, geojsonl (a feature a line), csv or osm, rather than by what the file looks like")
	flags.StringVar(&f.locale, "locale", "en", "`language` of words that name none")
	flags.BoolVar(&f.query.Public, "public", false, "show new places to everybody whose rows do not say")
	flags.Float64Var(&f.query.Distance, "match-distance", 50, "two places of one name are the same one up to so many `metres` apart")
	flags.StringArrayVar(&f.tags, "tag", nil, "of an OpenStreetMap extract only what has this `tag`, such as amenity=atm or shop; any of several; without it "+words(mapfile.DefaultTags()))
	flags.IntVar(&f.query.List, "list", 100, "show `N` rows at most of each: new, changed and refused")
	flags.BoolVar(&f.query.AllOrNothing, "all-or-nothing", false, "write the whole file in one transaction, and nothing of it when any row is refused; others wait meanwhile")
	applyFlag(flags)
}

func newPlaceImport(p *program) *cobra.Command {
	var f importFlags
	command := &cobra.Command{
		Use:   "import FILE",
		Short: "Make and change places from a map: GeoJSON, CSV or an OpenStreetMap extract",
		Long: "Reads a file of places, - for standard input, and says what it would make and change; with --apply it does. A\n" +
			"place that is there already is recognised by the number that purser gave it, in files that `place export` wrote,\n" +
			"else by its name, in any spelling, and its position. What a row does not say stays as it is. Rows that are wrong\n" +
			"are listed and left out. docs/place-import.md has the names of columns and properties.",
		Example: "  purser place import shops.csv --project 1221\n" +
			"  purser place import vilnius.osm --project 1221 --tag amenity=atm --public --apply",
		Args: cobra.ExactArgs(1),
	}
	return newVerb(p, command, f.bind, func(v *verb) (err error) {
		file, err := v.mapFile(v.args[0])
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		return f.run(v, file)
	})
}

// run looks at the file, and imports it where that is wanted.
func (f *importFlags) run(v *verb, file *os.File) error {
	f.query.File = filepath.Base(v.args[0])
	if err := f.findFormat(file); err != nil {
		return err
	}
	f.query.Apply = v.applies()
	done, err := f.pass(v, file)
	if err != nil {
		return err
	}
	if err := v.answer(done, func(p *page) { done.write(p, v.args[0], !f.query.Apply) }); err != nil {
		return err
	}
	switch {
	case f.query.Apply && !done.Applied:
		return errors.New("nothing was written: not all of the file is good")
	case done.Broken != "":
		return errors.New("the file could not be read to its end")
	}
	return nil
}

// mapFile opens a file; standard input is kept in one that nobody else sees, since an extract is read in two places at once.
func (v *verb) mapFile(path string) (*os.File, error) {
	if path != "-" {
		return os.Open(path)
	}
	file, err := os.CreateTemp("", "purser-import-")
	if err != nil {
		return nil, err
	}
	err = os.Remove(file.Name())
	if err == nil {
		_, err = io.Copy(file, v.in)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keeping standard input: %w", err), file.Close())
	}
	return file, nil
}

func (f *importFlags) findFormat(file *os.File) error {
	if f.format != "" {
		return oneOf("format", f.format, mapfile.Formats()...)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	format, err := mapfile.Detect(f.query.File, bufio.NewReader(file))
	if err != nil {
		return fmt.Errorf("%s: %w", f.query.File, err)
	}
	f.format = string(format)
	return nil
}

// pass reads the file once, from its beginning.
func (f *importFlags) pass(v *verb, file *os.File) (importAnswer, error) {
	var none importAnswer
	if _, err := ask[struct{}](v, "place/import/check", f.query); err != nil {
		return none, err
	}
	operator, err := v.reach()
	if err != nil {
		return none, err
	}
	info, err := file.Stat()
	if err != nil {
		return none, err
	}
	// Two readers, since an extract may be read in two places at once.
	from := func() io.Reader { return io.NewSectionReader(file, 0, info.Size()) }
	counted := &countedReader{in: from()}
	reader := mapfile.NewReader(counted, mapfile.Format(f.format), mapfile.Options{Locale: f.locale, Tags: f.tags},
		func() (io.Reader, error) { return from(), nil })
	shown := rowProgress{to: v.err, size: info.Size(), now: v.now, word: map[bool]string{true: "imported", false: "looked at"}[f.query.Apply && !f.query.AllOrNothing]}
	var broken error
	answer, err := operator.stream(v.ctx, "/place/import", f.query, func(send func(any) error) error {
		rows := 0
		for row, err := range reader.Rows() {
			if err != nil {
				broken = err
				break
			}
			if err := send(importLine{Row: &row}); err != nil {
				return err
			}
			rows++
			shown.show(rows, counted.read.Load())
		}
		shown.end()
		return send(importLine{End: broken == nil, CutOff: broken != nil})
	})
	if err != nil {
		return none, err
	}
	answer.PassedOver, answer.Ignored = reader.PassedOver(), reader.Ignored()
	if broken != nil {
		answer.Broken = broken.Error()
	}
	return answer, nil
}

// countedReader counts what is read.
type countedReader struct {
	in   io.Reader
	read atomic.Int64
}

func (c *countedReader) Read(to []byte) (int, error) {
	n, err := c.in.Read(to)
	c.read.Add(int64(n))
	return n, err
}

// rowProgress shows how far a file was read: in one line for people, and every ten seconds in a log.
type rowProgress struct {
	to   io.Writer
	size int64
	now  func() time.Time
	word string
	last time.Time
	// line is whether something stands in the line of a terminal.
	line bool
}

// show says it, unless it did just now; rows are looked at a thousand at a time.
func (p *rowProgress) show(rows int, read int64) {
	if rows%1000 != 0 {
		return
	}
	now := p.now()
	if p.last.IsZero() {
		p.last = now
	}
	file, is := p.to.(*os.File)
	terminal := is && isTerminal(file)
	if every := map[bool]time.Duration{true: 200 * time.Millisecond, false: 10 * time.Second}[terminal]; now.Sub(p.last) < every {
		return
	}
	p.last = now
	text := fmt.Sprintf("%d %%, %d rows %s", 100*read/max(p.size, 1), rows, p.word)
	if p.line = terminal; terminal {
		fmt.Fprintf(p.to, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(p.to, text)
	}
}

// end leaves the line.
func (p *rowProgress) end() {
	if p.line {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}

// stream sends a request whose body is written line by line, and takes as long as that takes.
func (o *operatorClient) stream(ctx context.Context, path string, first any, write func(send func(any) error) error) (answer importAnswer, err error) {
	body, out := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://purser"+path, body)
	if err != nil {
		return answer, err
	}
	request.Header.Set(operatorHeader, url.QueryEscape(o.name))
	written := make(chan error, 1)
	go func() {
		buffered := bufio.NewWriterSize(out, 64<<10)
		encoder := json.NewEncoder(buffered)
		encoder.SetEscapeHTML(false)
		err := encoder.Encode(first)
		if err == nil {
			err = write(encoder.Encode)
		}
		if err == nil {
			err = buffered.Flush()
		}
		out.CloseWithError(err)
		written <- err
	}()
	client := *o.http
	client.Timeout = 0
	response, err := client.Do(request)
	body.Close() // who answered before the end reads no more
	if sent := <-written; sent != nil && !errors.Is(sent, io.ErrClosedPipe) {
		return answer, sent
	}
	if err != nil {
		return answer, fmt.Errorf("%w; some rows may have been written, with --all-or-nothing all or none: the same import again does the rest", unreachable(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		refused := &operatorError{}
		if err := json.NewDecoder(response.Body).Decode(refused); err != nil || refused.Description == "" {
			return answer, fmt.Errorf("the server answered %s", response.Status)
		}
		return answer, refused
	}
	return answer, json.NewDecoder(response.Body).Decode(&answer)
}

// write shows an import for people.
func (a importAnswer) write(p *page, file string, planned bool) {
	more := func(all, listed int) {
		if all > listed {
			p.line("  and %d more; --list shows up to as many as you name", all-listed)
		}
	}
	if len(a.Refusals) > 0 {
		p.line("Refused:")
		for _, row := range a.Refusals {
			var reasons []string
			for _, problem := range row.Problems {
				reasons = append(reasons, strings.TrimPrefix(problem.Field+": "+problem.Reason, ": "))
			}
			p.line("  %s  %s", row.Where, strings.Join(reasons, "; "))
		}
		more(a.Refused, len(a.Refusals))
	}
	if len(a.Changes) > 0 {
		p.line("Changed:")
		for _, row := range a.Changes {
			p.line("  %s  place %d %q", row.Where, row.After.ID, row.After.Title.In(""))
			if lines, err := fieldChanges(row.Before, row.After); err == nil {
				for _, line := range lines {
					p.line("    %s", line)
				}
			}
		}
		more(a.Changed, len(a.Changes))
	}
	if len(a.New) > 0 {
		p.line("New:")
		for _, row := range a.New {
			p.line("  %s  %s", row.Where, strings.TrimSpace(fmt.Sprintf("%q at %s %s", row.After.Title.In(""), row.After.position(), number(row.After.ID))))
		}
		more(a.Created, len(a.New))
	}
	a.sum(p, file, planned)
}

// sum shows the counts.
func (a importAnswer) sum(p *page, file string, planned bool) {
	p.line("%s: %d new, %d changed, %d as they were, %d refused", file, a.Created, a.Changed, a.Unchanged, a.Refused)
	if a.FirstID != 0 {
		p.line("The new places have numbers from %d to %d.", a.FirstID, a.LastID)
	}
	if a.PassedOver > 0 {
		p.line("%d elements are no places by their tags.", a.PassedOver)
	}
	if len(a.Ignored) > 0 {
		p.line("Passed over: %s", cmp.Or(words(a.Ignored), "-"))
	}
	if a.Broken != "" {
		p.line("The file breaks off: %s", a.Broken)
	}
	if planned {
		p.line(notDone)
	}
}

// exportQuery asks for a page of places, and exportAnswer holds it.
type exportQuery struct {
	Project int64 `json:"project"`
	After   int64 `json:"after"`
}

type exportAnswer struct {
	Records []mapfile.Record `json:"records"`
}

// placeFileVerbs answer the verbs on files of places.
func placeFileVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "place/import/check", func(ctx context.Context, c wallet.Caller, q importQuery) (struct{}, error) {
		return struct{}{}, s.CheckImport(ctx, c, q.options())
	})
	handleVerb(mux, "place/export", func(ctx context.Context, c wallet.Caller, q exportQuery) (exportAnswer, error) {
		records, err := s.ExportPlaces(ctx, c, q.Project, q.After, 0)
		return exportAnswer{list(records)}, err
	})
	mux.HandleFunc("POST /place/import", func(w http.ResponseWriter, r *http.Request) {
		// It takes as long as whoever sends rows takes. A request within the process has no deadlines.
		control := http.NewResponseController(w)
		if err := errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Time{})); err != nil && !errors.Is(err, http.ErrNotSupported) {
			replyOperator(w, nil, err)
			return
		}
		rows := rowReader{lines: json.NewDecoder(bufio.NewReaderSize(r.Body, 64<<10)), wait: func() {}}
		rows.lines.DisallowUnknownFields()
		var q importQuery
		if err := rows.lines.Decode(&q); err != nil {
			replyOperator(w, nil, wallet.Errorf(wallet.InvalidRequest, "the import cannot be read (%s): if the server is of another version, restart it with this one.", err))
			return
		}
		if q.Apply && q.AllOrNothing {
			// Others wait for these rows. Where that cannot be set it is a request within the process, as above.
			rows.wait = func() { control.SetReadDeadline(s.WallClock().Add(rowPatience)) }
		}
		report, err := s.ImportPlaces(r.Context(), operatorOf(r), q.options(), rows.all)
		replyOperator(w, importToAnswer(report), err)
	})
}

// rowPatience is how long a transaction that others wait for waits for a row; tests cannot wait for it.
var rowPatience = 10 * time.Second

// rowReader reads the rows of a request.
type rowReader struct {
	lines *json.Decoder
	// wait is called before each row.
	wait func()
}

// readRow is a row as it was read, or why there is none.
type readRow struct {
	mapfile.Row
	err error
}

// all are the rows until their end is said. They are read while others are written.
func (r *rowReader) all(yield func(mapfile.Row, error) bool) {
	read, stop := make(chan readRow, 1000), make(chan struct{})
	defer close(stop)
	go func() {
		defer close(read)
		for more := true; more; {
			var row readRow
			if row, more = r.next(); !more && row.err == nil {
				return
			}
			select {
			case read <- row:
			case <-stop:
				return
			}
		}
	}()
	for row := range read {
		if !yield(row.Row, row.err) || row.err != nil {
			return
		}
	}
}

// next reads a row; more is false at the end, and after an error.
func (r *rowReader) next() (row readRow, more bool) {
	r.wait()
	var line importLine
	err := r.lines.Decode(&line)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return readRow{err: wallet.Errorf(wallet.InvalidRequest, "nothing was written: no row came for %s, and others wait meanwhile. Run it again when it can go on without a pause.", rowPatience)}, false
	case err != nil:
		return readRow{err: wallet.Errorf(wallet.InvalidRequest, "the rows broke off (%s): what came before counts.", err)}, false
	case line.CutOff:
		return readRow{err: service.ErrCutOff}, false
	case line.End:
		return readRow{}, false
	case line.Row == nil:
		return readRow{err: wallet.Errorf(wallet.InvalidRequest, "a line holds no row")}, false
	}
	return readRow{Row: *line.Row}, true
}

func newPlaceExport(p *program) *cobra.Command {
	var project int64
	var format string
	command := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write places as GeoJSON or CSV",
		Long: "Writes the places of a project, or all, in use or not, to a new file or to standard output. `place import` of\n" +
			"that file changes nothing: it holds the numbers of the places.",
		Example: "  purser place export --project 1221 shops.csv\n  purser place export --format geojson > all.geojson",
		Args:    cobra.MaximumNArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&project, "project", 0, "only this `project`'s")
		flags.StringVar(&format, "format", "", "geojson, geojsonl (a feature a line) or csv; by the file's name, else geojson")
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		out := v.out
		name := ""
		if len(v.args) == 1 && v.args[0] != "-" {
			name = v.args[0]
		}
		f := mapfile.Format(cmp.Or(format, strings.TrimPrefix(filepath.Ext(name), "."), string(mapfile.GeoJSON)))
		if f == "json" {
			f = mapfile.GeoJSON
		}
		if err := oneOf("format", string(f), mapfile.GeoJSON, mapfile.Lines, mapfile.CSV); err != nil {
			return err
		}
		if name != "" {
			file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return fmt.Errorf("the file must be a new one: %w", err)
			}
			out = file
			defer func() {
				if err = errors.Join(err, file.Close()); err != nil {
					err = errors.Join(err, os.Remove(name))
				}
			}()
		}
		count, err := v.export(out, f, project)
		if err == nil && name != "" && !v.json {
			fmt.Fprintf(v.out, "%d places were written to %s.\n", count, name)
		}
		return err
	})
}

// export writes places, and says how many. The columns of a CSV file are known only when all places were seen.
func (v *verb) export(out io.Writer, format mapfile.Format, project int64) (count int, err error) {
	locales := map[string]bool{"en": true}
	if format == mapfile.CSV {
		err := v.eachRecord(project, func(r mapfile.Record) error {
			for _, text := range []map[string]string{r.Title, r.Description, r.Address} {
				for locale := range text {
					locales[locale] = true
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	w, err := mapfile.NewWriter(out, format, sortedKeys(locales))
	if err != nil {
		return 0, err
	}
	err = v.eachRecord(project, func(r mapfile.Record) error {
		count++
		return w.Write(r)
	})
	return count, errors.Join(err, w.Close())
}

func (v *verb) eachRecord(project int64, do func(mapfile.Record) error) error {
	for after := int64(0); ; {
		page, err := ask[exportAnswer](v, "place/export", exportQuery{project, after})
		if err != nil || len(page.Records) == 0 {
			return err
		}
		for _, r := range page.Records {
			if err := do(r); err != nil {
				return err
			}
			after = r.ID
		}
	}
}
