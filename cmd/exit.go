// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import "errors"

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

// ExitCode returns the exit code of the process after RootCmd.Execute has returned
// err: 0 without an error, 1 or what the command documents otherwise.
func ExitCode(err error) int {
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	}
	return 1
}
