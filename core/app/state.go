package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"syscall"

	"penstock/core/cases"
	"penstock/core/decode"
	"penstock/core/sift"
)

// stateMagic begins a state file; its last byte is the version of the format.
const stateMagic = "PENSTOCK\x01"

// maxState bounds the state file that is read, in bytes.
const maxState = 512 << 20

// ErrStateForeign means that a file is not a state file of this version.
var ErrStateForeign = errors.New("is not a state file of this version of Penstock")

// ErrStateBroken means that a state file was altered or cut.
var ErrStateBroken = errors.New("is damaged: its checksum does not match")

// engineState is what a state file holds.
type engineState struct {
	Sift   sift.State
	Cases  cases.State
	Clocks map[string]decode.Clock
	Origin Origin
}

// stateFile is the content of a state file, in pieces.
type stateFile struct {
	head []byte
	body bytes.Buffer
}

// encode returns a state with what sift has learned filled in.
func (e *Engine) encode(state engineState) (*stateFile, error) {
	learned, err := e.sifter.State()
	if err != nil {
		return nil, err
	}
	state.Sift = learned
	f := &stateFile{}
	if err := gob.NewEncoder(&f.body).Encode(state); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(f.body.Bytes())
	f.head = append([]byte(stateMagic), sum[:]...)
	return f, nil
}

// size returns the bytes of the file.
func (f *stateFile) size() int { return len(f.head) + f.body.Len() }

// writeTo writes the file's content.
func (f *stateFile) writeTo(w io.Writer) error {
	if _, err := w.Write(f.head); err != nil {
		return err
	}
	_, err := w.Write(f.body.Bytes())
	return err
}

// Save writes what the engine has learned and its cases to path, in one step:
// whoever reads the file finds the old content or the new one.
func (e *Engine) Save(path string) error {
	f, err := e.encode(engineState{Cases: e.book.State(), Clocks: e.clocks, Origin: e.Origin})
	if err != nil {
		return fmt.Errorf("save state %s: %w", path, err)
	}
	if err := replaceFile(path, f.writeTo); err != nil {
		return fmt.Errorf("save state %s: %w", path, cause(err))
	}
	return nil
}

// Load reads what Save wrote. A file that does not exist is an os.ErrNotExist;
// one that is not whole is ErrStateForeign or ErrStateBroken. After an error the
// engine is of no more use.
func (e *Engine) Load(path string) error {
	state, err := e.loadLearned(path)
	if err != nil {
		return err
	}
	if err := e.book.Load(state.Cases); err != nil {
		return fmt.Errorf("%s %w: %w", path, ErrStateForeign, err)
	}
	maps.Copy(e.clocks, state.Clocks)
	e.saved, e.loaded = state.Origin, true
	return nil
}

// loadLearned loads what sift has learned out of a state file and returns the
// rest of it, with the errors of Load.
func (e *Engine) loadLearned(path string) (engineState, error) {
	var state engineState
	content, err := readBounded(path, maxState)
	if err != nil {
		return state, err
	}
	head := len(stateMagic) + sha256.Size
	if len(content) < head || string(content[:len(stateMagic)]) != stateMagic {
		return state, fmt.Errorf("%s %w", path, ErrStateForeign)
	}
	body := content[head:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], content[len(stateMagic):head]) {
		return state, fmt.Errorf("%s %w", path, ErrStateBroken)
	}
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&state); err != nil {
		return state, fmt.Errorf("%s %w: %w", path, ErrStateForeign, err)
	}
	if err := e.sifter.Load(state.Sift); err != nil {
		return state, fmt.Errorf("%s %w: %w", path, ErrStateForeign, err)
	}
	state.Sift = sift.State{}
	return state, nil
}

// ErrStateBusy means that another run uses the same state file.
var ErrStateBusy = errors.New("another run is using it")

// LockState keeps other runs off a state file until the returned function is
// called, through an empty file beside it that stays. It fails where the state
// could not be saved. It does not wait: a state in use is ErrStateBusy.
func LockState(path string) (unlock func(), err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("write state %s: %w", path, syscall.EISDIR)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write state %s: %w", path, cause(err))
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrStateBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock state %s: %w", path, err), lock.Close())
	}
	return func() { _ = lock.Close() }, nil // which unlocks it
}

func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return content, nil
}

// replaceFile puts what write writes at path, readable by its owner only, through a
// temporary file beside it.
func replaceFile(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already when all went well
	if err = write(file); err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
