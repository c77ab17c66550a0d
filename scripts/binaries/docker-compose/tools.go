//go:build tools

// Package tools names the program that this module builds, so that `go mod tidy` keeps what it needs.
package tools

import _ "github.com/docker/compose/v2/cmd"
