package qr_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	reader "github.com/makiuchi-d/gozxing/qrcode"
	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/qr"
)

// scan reads a code off a picture: one that holds nothing else (pure), or one in which the reader
// looks for the code's corners first.
func scan(picture image.Image, pure bool) (string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return "", err
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_CHARACTER_SET: "UTF-8"}
	if pure {
		hints[gozxing.DecodeHintType_PURE_BARCODE] = true
	}
	result, err := reader.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// rasterize draws the rows of an SVG of ours.
func rasterize(t interface{ Fatal(...any) }, svg []byte, scale int) image.Image {
	var read struct {
		ViewBox string `xml:"viewBox,attr"`
		Paths   []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(svg, &read); err != nil || len(read.Paths) != 2 {
		t.Fatal(err, string(svg))
	}
	var wide int
	if _, err := fmt.Sscanf(read.ViewBox, "0 0 %d", &wide); err != nil {
		t.Fatal(err)
	}
	picture := image.NewGray(image.Rect(0, 0, wide*scale, wide*scale))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	for _, row := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1`).FindAllStringSubmatch(read.Paths[1].D, -1) {
		x, _ := strconv.Atoi(row[1])
		y, _ := strconv.Atoi(row[2])
		long, _ := strconv.Atoi(row[3])
		for dx := range long * scale {
			for dy := range scale {
				picture.SetGray(x*scale+dx, y*scale+dy, color.Gray{})
			}
		}
	}
	return picture
}

// Whatever a code says, a reader that others wrote reads it off the PNG and off the SVG. The reader's
// search for corners takes data for a corner now and then (once in some thousand codes), so that what
// is drawn by chance is read without it.
func TestCodesAreRead(t *testing.T) {
	check := func(t interface{ Fatal(...any) }, text string, pure bool) {
		code, err := qr.New(text)
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := code.PNG(8)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(drawn))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []image.Image{picture, rasterize(t, code.SVG(), 6)} {
			if got, err := scan(p, pure); err != nil || got != text {
				t.Fatal(fmt.Sprintf("%q is read as %q, %v", text, got, err))
			}
		}
	}
	for _, text := range []string{"PAYSERA*3:TABLE1", "EVP000000014471", "https://pay.example/app?qr=PAYSERA*3%3ATABLE1", "PAYSERA*106:stalas-ąčę", strings.Repeat("A*3:", 100)} {
		check(t, text, false)
		check(t, text, true)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, fmt.Sprintf("CAFE*%d:%s", rapid.IntRange(1, 1<<31).Draw(t, "place"), rapid.StringMatching(`[A-Za-z0-9_.-]{1,64}`).Draw(t, "identifier")), true)
	})
	for _, wrong := range []string{"", strings.Repeat("x", qr.MaxText+1)} {
		if _, err := qr.New(wrong); err == nil {
			t.Errorf("%d bytes are drawn", len(wrong))
		}
	}
}
