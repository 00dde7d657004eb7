package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"penstock/core/config"
	"penstock/core/fake"
	"penstock/core/intake"
)

// Whoever may name a file must not have a command run by whom the doctor tells to
// mend it.
func TestDoctorQuotesWhatItNames(t *testing.T) {
	for _, word := range []string{"/var/log/a.log", "/var/log/x;touch hit;.log", "/a b", "/it's", "/$(touch hit)", "-rf", "", "/%s", "/`id`", "/a\nb"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q becomes %s, which a shell takes for %q (%v)", word, shellWord(word), out, err)
		}
	}
}

func TestDoctorNamesWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	c := config.Default()
	c.StateDir = filepath.Join(folder, "state")
	if err := os.Mkdir(c.StateDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.StateDir, "penstock.db"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(c.StateDir, "link")); err != nil {
		t.Fatal(err)
	}
	drop := filepath.Join(folder, "drop")
	if err := os.Mkdir(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(drop, 0o777); err != nil {
		t.Fatal(err)
	}
	c.Sources = intake.Options{
		{Name: "gone", Kind: intake.KindFile, Path: filepath.Join(folder, "gone.log")},
		{Name: "drop", Kind: intake.KindDrop, Path: drop},
	}
	var out bytes.Buffer
	d := &doctor{e: &env{stdout: &out, stderr: &out, getenv: os.Getenv}, config: c}
	if err := d.become(""); err != nil {
		t.Fatal(err)
	}
	d.examine(t.Context())
	for _, want := range []string{
		"others may look into the state directory", "sudo chmod 700 " + c.StateDir, "others may read " + c.StateDir + "/penstock.db",
		"link is a link", "source gone: there is no file", "everybody may drop files into " + drop, "sudo chmod o-w " + drop,
		"others may list " + drop, "the worker does not answer",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q", want)
		}
	}
	if strings.Contains(out.String(), "chmod go-rwx "+c.StateDir+"/link") {
		t.Error("it has the target of a link changed")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestDoctorLooksAtTheModel(t *testing.T) {
	server := fake.NewOllama(t)
	for _, tt := range []struct {
		name, url, model string
		want             []string
	}{
		{"+ there", server.URL, fake.Model, nil},
		{"- gone", "http://127.0.0.1:1", fake.Model, []string{"wrong: ask the model at http://127.0.0.1:1: unreachable", "mend: `sudo systemctl start ollama`"}},
		{"- missing", server.URL, "qwen3:4b", []string{"missing: there is no model qwen3:4b; until then rules decide alone", "mend: `ollama pull qwen3:4b`"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			c := config.Default()
			c.Model.Endpoints, c.Model.Name = []string{tt.url}, tt.model
			d := &doctor{e: &env{stdout: &out, stderr: &out, getenv: os.Getenv}, config: c}
			d.model(t.Context())
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not said in:\n%s", want, out.String())
				}
			}
			if len(tt.want) == 0 && out.Len() > 0 {
				t.Errorf("of a sound one it says:\n%s", out.String())
			}
		})
	}
}
