// Package qr draws QR codes (ISO/IEC 18004) of short texts, as SVG for print and as PNG. It is pure.
//
// The code is worked out by github.com/boombuler/barcode: it is kept up, needs nothing else, takes the smallest code
// that the text's letters fit in, and of the eight masks the one that is read best.
package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Code is a drawn text. It can be read with a seventh of it dirty or torn (level M).
type Code struct {
	size  int
	black []bool
}

// MaxText bounds a text, in bytes: what phones still read well from a small print.
const MaxText = 500

// quiet is how wide the white around a code must be, in modules.
const quiet = 4

// New is the code of a text. It fails for a text that is empty or longer than MaxText.
func New(text string) (Code, error) {
	if text == "" || len(text) > MaxText {
		return Code{}, fmt.Errorf("a code holds 1 to %d bytes of text", MaxText)
	}
	drawn, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return Code{}, errors.New("the text does not fit into a code")
	}
	size := drawn.Bounds().Dx()
	c := Code{size: size, black: make([]bool, size*size)}
	for y := range size {
		for x := range size {
			r, _, _, _ := drawn.At(x, y).RGBA()
			c.black[y*size+x] = r == 0
		}
	}
	return c, nil
}

// SVG is the code as a picture that can be printed at any size, with the white around it.
func (c Code) SVG() []byte {
	var path strings.Builder
	for y := range c.size {
		for x := 0; x < c.size; x++ {
			from := x
			for x < c.size && c.black[y*c.size+x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	wide := c.size + 2*quiet
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%dmm" height="%dmm" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`+"\n", wide, wide, wide, wide, wide, wide, &path)
}

// PNG is the code as a picture with so many pixels to a module, at least 1 and at most 50.
func (c Code) PNG(scale int) ([]byte, error) {
	scale = min(max(scale, 1), 50)
	wide := (c.size + 2*quiet) * scale
	picture := image.NewPaletted(image.Rect(0, 0, wide, wide), color.Palette{color.White, color.Black})
	for y := range c.size {
		for x := range c.size {
			if !c.black[y*c.size+x] {
				continue
			}
			for row := range scale {
				at := picture.PixOffset((x+quiet)*scale, (y+quiet)*scale+row)
				for i := range scale {
					picture.Pix[at+i] = 1
				}
			}
		}
	}
	var out bytes.Buffer
	err := png.Encode(&out, picture)
	return out.Bytes(), err
}
