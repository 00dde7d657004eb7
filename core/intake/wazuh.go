package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Wazuh manager writes alerts.json and keeps each day's under the same inode as
// YEAR/MONTH/ossec-alerts-DAY.json, with -001 and so on behind the day where it
// rotates by size. Soon after the day is over that is packed, with the time of
// the packing, so only the names tell the order.
var (
	wazuhDay    = regexp.MustCompile(`^ossec-alerts-(\d\d)(?:-(\d{3,}))?\.json(\.gz)?$`)
	wazuhMonths = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
)

// wazuhKept is how many of the newest months are looked at.
const wazuhKept = 3

// listWazuh lists a manager's alerts.json and the days that it was before.
func listWazuh(path string) lister {
	path = filepath.Clean(path)
	beside := listFile(path)
	return func(known func(string) bool, wide bool) ([]*entry, error) {
		family := familyOf(path)
		found, err := beside(known, wide)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			e.foreign = e.foreign || e.rotated // Wazuh rotates nothing to beside it
		}
		months, err := wazuhFolders(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		for _, m := range months {
			names, err := namesIn(m.dir)
			if notThere(err) {
				continue
			} else if err != nil {
				return nil, err
			}
			var days []*entry
			for _, name := range names {
				part := wazuhDay.FindStringSubmatch(name)
				if part == nil {
					continue
				}
				e := &entry{path: filepath.Join(m.dir, name), family: family, rotated: true, packed: part[3] != ""}
				number, _ := strconv.Atoi(part[2]) // none is 0
				e.day = fmt.Sprintf("%s%s-%06d", m.key, part[1], number)
				if e.look(os.Lstat) {
					days = append(days, e)
				}
			}
			found = append(found, twins(days)...)
		}
		return distinct(found), nil
	}
}

// month is one folder of days.
type month struct{ dir, key string }

// wazuhFolders returns the newest months that are there.
func wazuhFolders(dir string) ([]month, error) {
	years, err := namesIn(dir)
	if err != nil {
		return nil, err
	}
	var all []month
	for _, year := range years {
		if n, err := strconv.Atoi(year); err != nil || n < 1970 || n > 9999 || len(year) != 4 {
			continue
		}
		names, err := namesIn(filepath.Join(dir, year))
		if err != nil {
			continue // a file that is named like a year
		}
		for _, name := range names {
			if i := slices.Index(wazuhMonths, name); i >= 0 {
				all = append(all, month{filepath.Join(dir, year, name), fmt.Sprintf("%s-%02d-", year, i+1)})
			}
		}
	}
	slices.SortFunc(all, func(a, b month) int { return strings.Compare(a.key, b.key) })
	return all[max(0, len(all)-wazuhKept):], nil
}
