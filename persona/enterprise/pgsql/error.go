package pgsql

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error is what the server reports, with the fields that its protocol has.
type Error struct {
	Severity string // ERROR or FATAL
	Code     string // SQLSTATE
	Message  string
	Detail   string
	Hint     string
	Position int // of the character in the text, from 1; 0 for none
}

// Error returns severity and message.
func (e *Error) Error() string { return e.Severity + ": " + e.Message }

// Report is the error as psql shows it: with the line, a mark below the position,
// detail and hint.
func (e *Error) Report(text string) string {
	var b buffer
	b.put(e.Error())
	if e.Position > 0 {
		e.mark(&b, text)
	}
	if e.Detail != "" {
		b.put("\nDETAIL: " + e.Detail)
	}
	if e.Hint != "" {
		b.put("\nHINT: " + e.Hint)
	}
	return b.String()
}

// shownLine is how much of a long line is shown around a position.
const shownLine = 60

func (e *Error) mark(b *buffer, text string) {
	at, number := 0, 1
	for n := 1; n < e.Position && at < len(text); n++ {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	start := strings.LastIndexByte(text[:at], '\n') + 1
	number += strings.Count(text[:start], "\n")
	line, _, _ := strings.Cut(text[start:], "\n")
	column := utf8.RuneCountInString(text[start:at])
	shown := []rune(strings.ReplaceAll(line, "\t", " "))
	head := "LINE " + strconv.Itoa(number) + ": "
	if from := column - shownLine/2; from > 0 && len(shown) > shownLine {
		head, shown, column = head+"...", shown[from:], column-from
	}
	if len(shown) > shownLine {
		shown = append(shown[:shownLine:shownLine], []rune("...")...)
	}
	b.put("\n" + head + string(shown) + "\n" + strings.Repeat(" ", len(head)+column) + "^")
}

// SQLSTATEs that are raised in more than one place.
const (
	codeSyntax      = "42601"
	codeNoColumn    = "42703"
	codeNoTable     = "42P01"
	codeNoFunction  = "42883"
	codeAmbiguous   = "42702"
	codeGrouping    = "42803"
	codeMismatch    = "42804"
	codeWindowing   = "42P20"
	codeBadText     = "22P02"
	codeRange       = "22003"
	codeBadTime     = "22007"
	codeTimeRange   = "22008"
	codeBadArgument = "22023"
	codeDivision    = "22012"
	codeDenied      = "42501"
	codeUnsupported = "0A000"
	codeTooComplex  = "54001"
	codeTooLarge    = "54000"
	codeMemory      = "53200"
	codeCanceled    = "57014"
	codeUndefined   = "42704"
	codeCannotCast  = "42846"
	codeCardinality = "21000"
	codeReadOnly    = "25006"
	codeInternal    = "XX000"
)

// fail ends the statement with an error.
//
//go:noinline
func fail(code, message string) { panic(&Error{Severity: "ERROR", Code: code, Message: message}) }

// failAt ends the statement with an error that has a position: an offset in bytes,
// which becomes a count of characters when the error is reported.
//
//go:noinline
func failAt(at int, code, message string) {
	panic(&Error{Severity: "ERROR", Code: code, Message: message, Position: at + 1})
}

//go:noinline
func failHint(at int, code, message, hint string) {
	panic(&Error{Severity: "ERROR", Code: code, Message: message, Hint: hint, Position: at + 1})
}

//go:noinline
func failDetail(code, message, detail string) {
	panic(&Error{Severity: "ERROR", Code: code, Message: message, Detail: detail})
}

//go:noinline
func unsupported(at int, what string) { failAt(at, codeUnsupported, what+" is not supported") }

// locate gives an error that evaluation raised the position of its expression,
// as the server does for constants that it parses.
func locate(at int, f func() Value) Value {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			if e.Position == 0 && at >= 0 {
				e.Position = at + 1
			}
			panic(e)
		default:
			panic(e)
		}
	}()
	return f()
}
