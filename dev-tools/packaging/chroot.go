// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// TestDeb installs a deb in a fresh Debian of its own directory, made by
// debootstrap, and uses it there as an administrator would: checks the
// configuration, runs the demo, installs it again over a changed configuration,
// removes and purges it. It needs root. What the commands print goes to log.
//
// DEBIAN_SUITE (default: stable) and DEBIAN_MIRROR (default: debootstrap's own)
// say which Debian.
func (s *Source) TestDeb(ctx context.Context, deb string, log io.Writer) (err error) {
	root, err := os.MkdirTemp("", Name+"-chroot-")
	if err != nil {
		return fmt.Errorf("making a directory for the chroot: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	// Users of the chroot must get through to the root directory.
	if err := os.Chmod(root, 0o755); err != nil {
		return fmt.Errorf("opening the chroot: %w", err)
	}

	suite := os.Getenv("DEBIAN_SUITE")
	if suite == "" {
		suite = "stable"
	}
	bootstrap := []string{"--variant=minbase", suite, root}
	if mirror := os.Getenv("DEBIAN_MIRROR"); mirror != "" {
		bootstrap = append(bootstrap, mirror)
	}
	fmt.Fprintf(log, "-- debootstrap %s\n", strings.Join(bootstrap, " "))
	if _, err := command(ctx, s.Root, nil, "debootstrap", bootstrap...); err != nil {
		return fmt.Errorf("making a clean Debian: %w", err)
	}
	if err := copyFile(deb, filepath.Join(root, "threatqbeat.deb"), 0o644); err != nil {
		return fmt.Errorf("copying the package: %w", err)
	}
	for _, step := range debSteps() {
		fmt.Fprintf(log, "\n-- %s\n%s\n", step.what, strings.TrimSpace(step.script))
		// The mount is gone with the namespace that it is made in.
		cmd := exec.CommandContext(ctx, "unshare", "--mount", "/bin/sh", "-euc",
			`mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -euc "$1"`, root, step.script)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("in the chroot, %s: %w", step.what, err)
		}
	}
	fmt.Fprintf(log, "\nthe deb installs, works, keeps its configuration and goes away\n")
	return nil
}

type debStep struct{ what, script string }

func debSteps() []debStep {
	return []debStep{
		{"install", `dpkg --install /threatqbeat.deb`},
		{"who owns what", `
stat -c '%A %U:%G %n' /etc/threatqbeat /etc/threatqbeat/* /var/lib/threatqbeat /var/log/threatqbeat
[ "$(stat -c '%a %U:%G' /etc/threatqbeat/threatqbeat.yml)" = "640 root:threatqbeat" ]
[ "$(stat -c '%a %U:%G' /etc/threatqbeat)" = "750 root:threatqbeat" ]
[ "$(stat -c '%a %U:%G' /var/lib/threatqbeat)" = "750 threatqbeat:threatqbeat" ]
[ "$(stat -c '%a %U:%G' /var/log/threatqbeat)" = "750 threatqbeat:threatqbeat" ]`},
		{"version", `threatqbeat version && [ "$(threatqbeat --version)" = "$(threatqbeat version)" ]`},
		{"documentation", `
cd /usr/share/doc/threatqbeat
[ -e README.md ] && [ -e docs/getting-started.md ] && [ -e threatqbeat.reference.yml ] && [ -e docs/examples/role-setup.json ]
gzip --decompress --stdout /usr/share/man/man1/threatqbeat.1.gz | grep -q '^.SH COMMANDS'
threatqbeat __complete 'se' 2>/dev/null | grep -q '^setup'
grep -q __complete /usr/share/bash-completion/completions/threatqbeat`},
		{"check the configuration", `
export THREATQ_URL=https://threatq.example.com THREATQ_DATA_COLLECTION_ID=0123456789abcdef
export THREATQ_CLIENT_ID=id THREATQ_CLIENT_SECRET=secret
threatqbeat test config`},
		{"keystore belongs to the service", `
threatqbeat keystore create
printf %s secret | threatqbeat keystore add THREATQ_CLIENT_SECRET --stdin
threatqbeat keystore list
[ "$(stat -c %U /var/lib/threatqbeat/threatqbeat.keystore)" = threatqbeat ]`},
		{"demo", `cd /tmp && threatqbeat demo`},
		{"upgrade keeps a changed configuration", `
echo '# changed by the administrator' >>/etc/threatqbeat/threatqbeat.yml
dpkg --install /threatqbeat.deb
grep -q 'changed by the administrator' /etc/threatqbeat/threatqbeat.yml
[ "$(stat -c '%a %U:%G' /etc/threatqbeat/threatqbeat.yml)" = "640 root:threatqbeat" ]`},
		{"removal keeps configuration and data", `
dpkg --remove threatqbeat
[ -e /etc/threatqbeat/threatqbeat.yml ]
[ -d /var/lib/threatqbeat ]
[ ! -e /usr/bin/threatqbeat ]`},
		{"purge leaves nothing", `
dpkg --purge threatqbeat
[ ! -e /etc/threatqbeat ]
[ ! -e /var/lib/threatqbeat ]
[ ! -e /var/log/threatqbeat ]`},
	}
}
