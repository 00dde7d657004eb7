package eval

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"penstock/core/event"
)

// DataError says that a data file, a labels file or a file of decisions is not
// what it should be, and where.
type DataError struct {
	File string
	Line int // 0 where no line is to blame
	Err  error
}

// Error returns file, line and what is wrong.
func (e *DataError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the error without the place.
func (e *DataError) Unwrap() error { return e.Err }

// find returns what stands before suffix in the names of the files of a folder,
// packed or not, sorted.
func find(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &DataError{File: dir, Err: plain(err)}
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(strings.TrimSuffix(e.Name(), ".gz"), suffix); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, &DataError{File: dir, Err: fmt.Errorf("no file *%s or *%s.gz", suffix, suffix)}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// file is an open data file, unpacked while it is read.
type file struct {
	io.Reader
	path string
	raw  *os.File
}

// open opens path.gz, or path where there is no such file.
func open(path string) (*file, error) {
	raw, err := os.Open(path + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = os.Open(path)
	} else {
		path += ".gz"
	}
	if err != nil {
		return nil, &DataError{File: path, Err: plain(err)}
	}
	r, err := Unpacked(raw)
	if err != nil {
		_ = raw.Close() // it was only read
		return nil, &DataError{File: path, Err: err}
	}
	return &file{Reader: r, path: path, raw: raw}, nil
}

// close closes the file, which was only read: there is nothing to lose.
func (f *file) close() { _ = f.raw.Close() }

// Unpacked returns a reader of what r holds, which may be gzip.
func Unpacked(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	magic, err := buffered.Peek(2)
	if err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

// plain takes the operation and the path off an error that is shown beside the path.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// readCSV calls row for each record with the values of the named columns in
// their order. The slice is reused.
func readCSV(path string, columns []string, row func(line int, values []string) error) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.close()

	r := csv.NewReader(f)
	r.ReuseRecord = true
	places, err := header(r, columns)
	if err != nil {
		return &DataError{File: f.path, Line: 1, Err: err}
	}
	values := make([]string, len(columns))
	for {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return badRecord(f.path, err)
		}
		for i, place := range places {
			values[i] = record[place]
		}
		line, _ := r.FieldPos(0)
		if err := row(line, values); err != nil {
			return &DataError{File: f.path, Line: line, Err: err}
		}
	}
}

// badRecord returns what the CSV reader met, with its line.
func badRecord(path string, err error) error {
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		return &DataError{File: path, Line: pe.Line, Err: pe.Err}
	}
	return &DataError{File: path, Err: err}
}

// header returns where the columns stand.
func header(r *csv.Reader, columns []string) ([]int, error) {
	names, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("no header line: %w", err)
	}
	places := make([]int, len(columns))
	for i, column := range columns {
		places[i] = slices.Index(names, column)
		if places[i] < 0 {
			return nil, fmt.Errorf("no column %q among %s", column, strings.Join(names, ", "))
		}
	}
	return places, nil
}

// readLines calls line for each line of a text file, without its end.
func readLines(path string, line func(number int, text []byte) error) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.close()
	return eachLine(f, f.path, line)
}

func eachLine(r io.Reader, name string, line func(number int, text []byte) error) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<24)
	number := 0
	for scanner.Scan() {
		number++
		if err := line(number, scanner.Bytes()); err != nil {
			return &DataError{File: name, Line: number, Err: err}
		}
	}
	if err := scanner.Err(); err != nil {
		return &DataError{File: name, Line: number + 1, Err: err}
	}
	return nil
}

// oneOf returns an error where a label has a value that it cannot have.
func oneOf(column, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: unknown label %q (%s)", column, value, strings.Join(allowed, ", "))
}

func parseSeverity(value string) (event.Severity, error) {
	var s event.Severity
	if err := s.UnmarshalText([]byte(value)); err != nil {
		return 0, fmt.Errorf("severity: %w", err)
	}
	return s, nil
}

// texts keeps one copy of each string, so that millions of rows that repeat a
// few hundred names stay small.
type texts map[string]string

func (t texts) keep(s string) string {
	if kept, ok := t[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	t[s] = s
	return s
}
