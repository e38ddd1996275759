// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// page is a Markdown file.
type page struct {
	name     string // relative to the repository, with slashes
	text     string
	blocks   []block
	links    []link
	headings []string // as link targets
}

// block is a fenced block of a page.
type block struct {
	page string
	line int // of its first line
	info []string
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// language is the first word behind the fence, mark the second.
func (b block) language() string { return b.word(0) }
func (b block) mark() string     { return b.word(1) }

func (b block) word(i int) string {
	if i < len(b.info) {
		return b.info[i]
	}
	return ""
}

// link is a link or an image.
type link struct {
	line   int
	target string
}

// readPages reads the pages of the documentation.
func readPages(root string) ([]page, error) {
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	var pages []page
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return nil, err
		}
		pages = append(pages, parsePage(filepath.ToSlash(relative), string(text)))
	}
	return pages, nil
}

var (
	linkPattern    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingPattern = regexp.MustCompile(`^#{1,6} +(.*)$`)
	inlineCode     = regexp.MustCompile("`[^`]*`")
)

// parsePage reads what the tests want to know of a page: fences of three
// backquotes, ATX headings and inline links.
func parsePage(name, text string) page {
	p := page{name: name, text: text}
	var open *block
	indent := 0
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		fence, isFence := strings.CutPrefix(trimmed, "```")
		switch {
		case isFence && open == nil:
			indent = len(line) - len(trimmed)
			open = &block{page: name, line: i + 2, info: strings.Fields(fence)}
		case isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line[min(indent, len(line)-len(trimmed)):] + "\n"
		default:
			if heading := headingPattern.FindStringSubmatch(line); heading != nil {
				p.headings = append(p.headings, p.anchor(heading[1]))
			}
			for _, found := range linkPattern.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, ""), -1) {
				p.links = append(p.links, link{line: i + 1, target: found[1]})
			}
		}
	}
	return p
}

// anchor returns the link target that GitHub makes of a heading: lower case,
// blanks as hyphens, punctuation left out, a number added to a repetition.
func (p *page) anchor(heading string) string {
	var out strings.Builder
	for _, char := range strings.ToLower(heading) {
		switch {
		case char == ' ':
			out.WriteByte('-')
		case char == '-' || char == '_' || char > 127 || char >= 'a' && char <= 'z' || char >= '0' && char <= '9':
			out.WriteRune(char)
		}
	}
	anchor := out.String()
	for i := 1; slices.Contains(p.headings, anchor); i++ {
		anchor = fmt.Sprintf("%s-%d", out.String(), i)
	}
	return anchor
}
