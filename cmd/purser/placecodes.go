package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/qr"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// codesQuery asks for the codes of a place: of its spots, or of those identifiers.
type codesQuery struct {
	ID          int64    `json:"id"`
	Identifiers []string `json:"identifiers"`
}

// codesAnswer holds codes: what each is called, says, and says in its picture.
type codesAnswer struct {
	Codes []codeAnswer `json:"codes"`
	More  bool         `json:"more,omitempty"`
}

type codeAnswer struct {
	Name string `json:"name"`
	Code string `json:"code"`
	Text string `json:"text"`
	// File is where the picture was put.
	File string `json:"file,omitempty"`
}

// walletCode is what the code of the project's wallet is called.
const walletCode = "wallet"

func newPlaceCodes(p *program) *cobra.Command {
	var identifiers []string
	var format, out string
	var scale int
	command := &cobra.Command{
		Use:   "codes PLACE",
		Short: "Draw the codes of a place's tables and tills, and of its project's wallet",
		Long: "Writes a QR code for each spot of the place, or for each identifier that is named, whether there is such a\n" +
			"spot yet or not, and one for the wallet of its project. Codes begin with --spot-prefix, and stand in the address\n" +
			"--code-link where the server has one.",
		Example: "  purser place codes 106 --out codes\n  purser place codes 106 --identifier TABLE1 --identifier TABLE2 --format png --out codes",
		Args:    cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&identifiers, "identifier", nil, "`name` of a table or till; several flags for several, none for all spots that there are")
		flags.StringVar(&format, "format", "svg", "svg for print, png for screens")
		flags.StringVar(&out, "out", "", "`folder` to write to, made where there is none; without it the codes are only shown")
		flags.IntVar(&scale, "scale", 16, "`pixels` to a module of a PNG, 1 to 50")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "place")
		if err != nil {
			return err
		}
		if err := oneOf("format", format, "svg", "png"); err != nil {
			return err
		}
		if scale < 1 || scale > 50 {
			return wallet.FieldError("scale", "must be 1 to 50")
		}
		found, err := ask[codesAnswer](v, "place/codes", codesQuery{id, list(identifiers)})
		if err != nil {
			return err
		}
		if out != "" {
			if err := found.draw(out, format, scale, id); err != nil {
				return err
			}
		}
		return v.answer(found, func(p *page) {
			rows := [][]string{}
			for _, c := range found.Codes {
				rows = append(rows, []string{c.Name, c.Text, c.File})
			}
			p.table([]string{"NAME", "CODE", "FILE"}, rows)
			if found.More {
				p.line("The place has more spots: name them with --identifier.")
			}
		})
	})
}

// inFileNames are the letters of an identifier that stay in the name of a file.
var inFileNames = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// draw writes the pictures into a folder.
func (a *codesAnswer) draw(folder, format string, scale int, place int64) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	taken := map[string]bool{}
	for i := range a.Codes {
		one := &a.Codes[i]
		drawn, err := qr.New(one.Text)
		if err != nil {
			return fmt.Errorf("%s: %w", one.Code, err)
		}
		picture := drawn.SVG()
		if format == "png" {
			if picture, err = drawn.PNG(scale); err != nil {
				return err
			}
		}
		name := fmt.Sprintf("%d-%s", place, inFileNames.ReplaceAllString(one.Name, "_"))
		if one.Name == walletCode {
			name = one.Code
		}
		for base, n := name, 2; taken[strings.ToLower(name)]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[strings.ToLower(name)] = true
		one.File = filepath.Join(folder, name+"."+format)
		if err := os.WriteFile(one.File, picture, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// codeVerbs answer the verb on codes.
func codeVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "place/codes", func(ctx context.Context, c wallet.Caller, q codesQuery) (codesAnswer, error) {
		l, err := s.InspectLocation(ctx, c, q.ID)
		if err != nil {
			return codesAnswer{}, err
		}
		found, err := s.ListCodes(ctx, c, l.ProjectID, q.ID)
		if err != nil {
			return codesAnswer{}, err
		}
		a := codesAnswer{Codes: []codeAnswer{}, More: found.More && len(q.Identifiers) == 0}
		for _, identifier := range slices.Compact(q.Identifiers) {
			if !wallet.IsIdentifier(identifier) {
				return codesAnswer{}, wallet.FieldError("identifier", "%q must be 1 to %d bytes of text, without blanks", identifier, wallet.MaxIdentifier)
			}
			code := wallet.SpotCode(s.SpotPrefix, q.ID, identifier)
			a.Codes = append(a.Codes, codeAnswer{Name: identifier, Code: code, Text: wallet.WrapCode(s.CodeLink, code)})
		}
		if len(q.Identifiers) == 0 {
			for _, spot := range found.Spots {
				a.Codes = append(a.Codes, codeAnswer{Name: spot.Identifier, Code: spot.Code, Text: spot.Text})
			}
		}
		a.Codes = append(a.Codes, codeAnswer{Name: walletCode, Code: found.Wallet.Code, Text: found.Wallet.Text})
		return a, nil
	})
}
