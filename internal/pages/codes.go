package pages

import (
	"context"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"github.com/purserhq/purser/internal/qr"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// codesPage is what a project or a place prints.
type codesPage struct {
	service.Codes
	// Title is the place's, or the project's.
	Title  string
	Wallet printedCode
	Places []placeCodes
}

// placeCodes are the codes of one place; Title and Link, the page of these alone, are empty where this is it.
type placeCodes struct {
	Title, Link string
	Spots       []printedCode
}

// printedCode is one code.
type printedCode struct {
	service.Printed
	Picture template.URL
	Title   string
	// File is the address of the code's files, without what they end in.
	File string
}

// pngScale is how many pixels a module of a code has in a PNG: 2 cm wide at 600 dots an inch, and sharp on any screen.
const pngScale = 16

func (p *pages) showCodes(ctx context.Context, r *request) (reply, error) {
	codes, err := p.codes(ctx, r)
	if err != nil {
		return reply{}, err
	}
	page := codesPage{Codes: codes, Title: codes.Project.Title}
	if codes.Place != nil {
		page.Title = codes.Place.Title.In(r.language.code)
	}
	here := r.link(r.path)
	if page.Wallet, err = newCode(codes.Wallet, here+"/wallet"); err != nil {
		return reply{}, err
	}
	page.Wallet.Title = codes.Project.Title
	last := int64(0)
	for _, spot := range codes.Spots {
		if spot.LocationID != last {
			last = spot.LocationID
			of := placeCodes{}
			if codes.Place == nil {
				of.Title = spot.Place.In(r.language.code)
				of.Link = r.link(fmt.Sprintf("/projects/%d/places/%d/codes", codes.Project.ID, spot.LocationID))
			}
			page.Places = append(page.Places, of)
		}
		one, err := newCode(spot.Printed, fmt.Sprintf("%s/spot-%d", here, spot.ID))
		if err != nil {
			return reply{}, err
		}
		if one.Title = spot.Title.In(r.language.code); one.Title == "" {
			one.Title = spot.Identifier
		}
		of := &page.Places[len(page.Places)-1]
		of.Spots = append(of.Spots, one)
	}
	return reply{template: "codes", content: page}, nil
}

// codes are those of the project or the place in the path.
func (p *pages) codes(ctx context.Context, r *request) (service.Codes, error) {
	place := r.number("place")
	if place == 0 && r.PathValue("place") != "" {
		return service.Codes{}, wallet.Errorf(wallet.NotFound, "there is no such place.")
	}
	return p.Service.ListCodes(ctx, r.caller, r.number("id"), place)
}

func newCode(printed service.Printed, file string) (printedCode, error) {
	drawn, err := qr.New(printed.Text)
	if err != nil {
		return printedCode{}, err
	}
	picture := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(drawn.SVG())
	return printedCode{Printed: printed, Picture: template.URL(picture), File: file}, nil
}

// saveCode answers with the picture of one code, by the name that newCode gave it.
func (p *pages) saveCode(ctx context.Context, r *request) (reply, error) {
	codes, err := p.codes(ctx, r)
	if err != nil {
		return reply{}, err
	}
	name, kind, _ := strings.Cut(r.PathValue("file"), ".")
	texts := map[string]string{"wallet": codes.Wallet.Text}
	for _, spot := range codes.Spots {
		texts[fmt.Sprintf("spot-%d", spot.ID)] = spot.Text
	}
	text, there := texts[name]
	if !there || kind != "svg" && kind != "png" {
		return notFound(ctx, r)
	}
	drawn, err := qr.New(text)
	if err != nil {
		return reply{}, err
	}
	f := &file{name: name + "." + kind, kind: "image/svg+xml", body: drawn.SVG()}
	if kind == "png" {
		f.kind = "image/png"
		f.body, err = drawn.PNG(pngScale)
	}
	return reply{file: f}, err
}
