// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Chroot is a fresh Debian in a directory of its own.
type Chroot struct{ Root string }

// NewChroot makes a Debian with debootstrap, as root, and packages beside those that
// every Debian has. What is done goes to log.
//
// DEBIAN_SUITE (default: stable) and DEBIAN_MIRROR (default: debootstrap's own)
// say which Debian.
func NewChroot(ctx context.Context, log io.Writer, packages ...string) (*Chroot, error) {
	root, err := os.MkdirTemp("", Name+"-chroot-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the chroot: %w", err)
	}
	c := &Chroot{root}
	// Users of the chroot must get through to the root directory.
	if err := os.Chmod(root, 0o755); err != nil {
		return nil, fmt.Errorf("opening the chroot: %w", err)
	}
	args := []string{"--variant=minbase"}
	if len(packages) > 0 {
		args = append(args, "--include="+strings.Join(packages, ","))
	}
	suite := os.Getenv("DEBIAN_SUITE")
	if suite == "" {
		suite = "stable"
	}
	args = append(args, suite, root)
	if mirror := os.Getenv("DEBIAN_MIRROR"); mirror != "" {
		args = append(args, mirror)
	}
	fmt.Fprintf(log, "-- debootstrap %s\n", strings.Join(args, " "))
	if _, err := command(ctx, root, nil, "debootstrap", args...); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("making a clean Debian: %w", err)
	}
	return c, nil
}

// Close removes the chroot.
func (c *Chroot) Close() error { return os.RemoveAll(c.Root) }

// Copy copies a file into the chroot.
func (c *Chroot) Copy(file, to string) error {
	return copyFile(file, filepath.Join(c.Root, to), 0o644)
}

// Command returns a script as a command that runs it in the chroot, as root and with
// env as its only environment beside the path. A signal reaches what the script
// executes by exec.
func (c *Chroot) Command(ctx context.Context, script string, env ...string) *exec.Cmd {
	// The mounts are gone with the namespace that they are made in.
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "/bin/sh", "-euc",
		`mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" /bin/sh -euc "$1"`, c.Root, script)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}, env...)
	return cmd
}

// TestDeb installs a deb in a fresh Debian and uses it there as an administrator
// would: checks the configuration, runs the demo, installs it again over a changed
// configuration, removes and purges it. What the commands print goes to log.
func TestDeb(ctx context.Context, deb string, log io.Writer) (err error) {
	c, err := NewChroot(ctx, log)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := c.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := c.Copy(deb, "threatqbeat.deb"); err != nil {
		return fmt.Errorf("copying the package: %w", err)
	}
	for _, step := range debSteps() {
		fmt.Fprintf(log, "\n-- %s\n%s\n", step.what, strings.TrimSpace(step.script))
		cmd := c.Command(ctx, step.script)
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
