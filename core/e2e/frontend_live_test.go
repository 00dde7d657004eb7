//go:build live

package e2e

import (
	"image"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"penstock/core/e2e/lab"
)

// frontend returns the address of the frontend as Admin sees it, with a slash at its
// end: a browser without a driver cannot log in, so what stands between does.
func frontend(t *testing.T, z *lab.ZabbixServer) string {
	t.Helper()

	speakEnglish(t, z)
	to, err := url.Parse(z.Frontend)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	response, err := client.PostForm(z.Frontend+"index.php", url.Values{"name": {"Admin"}, "password": {"zabbix"}, "autologin": {"1"}, "enter": {"Sign in"}})
	if err != nil {
		t.Fatalf("log in to the frontend: %v", err)
	}
	_ = response.Body.Close() // only the cookie counts
	var cookies []string
	for _, c := range jar.Cookies(to) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if len(cookies) == 0 {
		t.Fatalf("the frontend gives no session: %s", response.Status)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("Cookie", strings.Join(cookies, "; "))
	}})
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// speakEnglish gives the frontend the locale that it asks for, which machines often
// lack: without it each widget says so in the place of its content. The one that is
// always there does under that name.
func speakEnglish(t *testing.T, z *lab.ZabbixServer) {
	t.Helper()

	folder := z.UserFolder(t)
	if err := os.CopyFS(filepath.Join(folder, "en_US.utf8"), os.DirFS("/usr/lib/locale/C.utf8")); err != nil {
		t.Fatalf("copy the locale: %v", err)
	}
	f, err := os.OpenFile(filepath.Join(z.Folder, "prepend.php"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("putenv('LOCPATH=" + folder + "');\n"); err != nil {
		t.Fatal(err)
	}
}

// wantPage wants a page with those texts, in which no text of a log ran as a script
// and nothing complains. Its picture stays in $PENSTOCK_SCREENSHOTS, where that is set.
func wantPage(t *testing.T, name, address string, want []string) {
	t.Helper()

	var dom string
	lacks := func(text string) bool { return !strings.Contains(dom, text) }
	for range 3 { // a part of a page may be slower than the browser waits
		if dom = chromium(t, "--virtual-time-budget=15000", "--window-size=1600,1500", "--dump-dom", address); !slices.ContainsFunc(want, lacks) {
			break
		}
	}
	for _, text := range want {
		if !strings.Contains(dom, text) {
			t.Errorf("%s lacks %q", name, text)
		}
	}
	for _, bad := range []string{proof, "class=\"msg-bad", "Unable to translate", "No permissions", "*UNKNOWN*"} {
		if strings.Contains(dom, bad) {
			t.Errorf("%s has %q", name, bad)
		}
	}
	folder := os.Getenv("PENSTOCK_SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	shot := filepath.Join(folder, name+".png")
	chromium(t, "--virtual-time-budget=15000", "--window-size=1600,1500", "--screenshot="+shot, address)
	f, err := os.Open(shot)
	if err != nil {
		t.Fatalf("open the screenshot: %v", err)
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil || picture.Bounds().Dx() < 1000 {
		t.Fatalf("decode the screenshot: %v", err)
	}
}
