// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
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
	root, err := os.MkdirTemp("", "threatqbeat-chroot-")
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
	args = append(args, cmp.Or(os.Getenv("DEBIAN_SUITE"), "stable"), root)
	if mirror := os.Getenv("DEBIAN_MIRROR"); mirror != "" {
		args = append(args, mirror)
	}
	fmt.Fprintf(log, "-- debootstrap %s\n", strings.Join(args, " "))
	if _, err := Command(ctx, root, nil, "debootstrap", args...); err != nil {
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

//go:embed linux/deb-test.sh
var debTest string

// TestDeb installs a deb in a fresh Debian and uses it there as an administrator
// would, as linux/deb-test.sh says. What the commands print goes to log.
func TestDeb(ctx context.Context, deb string, log io.Writer) (err error) {
	c, err := NewChroot(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Copy(deb, "threatqbeat.deb"); err != nil {
		return fmt.Errorf("copying the package: %w", err)
	}
	cmd := c.Command(ctx, debTest)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("in the chroot: %w", err)
	}
	return nil
}
