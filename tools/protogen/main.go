// Command protogen writes the Go code of api/proto: messages by protoc-gen-go and services by protoc-gen-connect-go, both in the versions
// of go.mod. Files are read by protocompile, so that neither protoc nor a network is needed.
//
//	go run ./tools/protogen          writes
//	go run ./tools/protogen -check   fails where a file is not current
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

// root is the folder that imports of .proto files begin at, and where the code goes.
const root = "api/proto"

// plugins are the generators, and what each is told.
var plugins = []struct{ path, parameters string }{
	{"google.golang.org/protobuf/cmd/protoc-gen-go", "paths=source_relative"},
	{"connectrpc.com/connect/cmd/protoc-gen-connect-go", "paths=source_relative,simple"},
}

func main() {
	check := flag.Bool("check", false, "write nothing, and fail where a file is not current")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	files, err := compile()
	if err != nil {
		return err
	}
	want := map[string][]byte{}
	for _, p := range plugins {
		if err := generate(p.path, p.parameters, files, want); err != nil {
			return err
		}
	}
	var stale []string
	for name, code := range want {
		if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, code) {
			continue
		}
		stale = append(stale, name)
		if check {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, code, 0o644); err != nil {
			return err
		}
	}
	// What a file that is gone has left.
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || want[filepath.ToSlash(path)] != nil {
			return err
		}
		stale = append(stale, path)
		if check {
			return nil
		}
		return os.Remove(path)
	})
	if err != nil {
		return err
	}
	if check && len(stale) > 0 {
		slices.Sort(stale)
		return fmt.Errorf("not current, run make generate: %s", strings.Join(stale, ", "))
	}
	return nil
}

// compile reads every .proto file under root.
func compile() ([]protoreflect.FileDescriptor, error) {
	var names []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".proto") {
			name, _ := filepath.Rel(root, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no .proto file under " + root + ": run it in the root of the repository")
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	linked, err := compiler.Compile(context.Background(), names...)
	if err != nil {
		return nil, err
	}
	files := make([]protoreflect.FileDescriptor, len(linked))
	for i, f := range linked {
		files[i] = f
	}
	return files, nil
}

// generate runs a plugin of protoc and adds the files that it makes.
func generate(plugin, parameters string, files []protoreflect.FileDescriptor, into map[string][]byte) error {
	request := &pluginpb.CodeGeneratorRequest{Parameter: &parameters}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(f))
	}
	for _, f := range files {
		add(f)
		request.FileToGenerate = append(request.FileToGenerate, f.Path())
	}
	in, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "run", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", plugin, err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil {
		return fmt.Errorf("%s: %w", plugin, err)
	}
	if response.Error != nil {
		return fmt.Errorf("%s: %s", plugin, response.GetError())
	}
	for _, f := range response.File {
		into[filepath.ToSlash(filepath.Join(root, f.GetName()))] = []byte(f.GetContent())
	}
	return nil
}
