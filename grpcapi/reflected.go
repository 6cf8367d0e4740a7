package grpcapi

import (
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// connectPrefix is before the names of the services of health and reflection that connect serves, so that they stand beside grpc-go's in one program.
const connectPrefix = "connectext"

// definitions tells what reflection says of health and reflection themselves: what is served. A program that links grpc-go has its definitions, too,
// which are of another version, with procedures that nobody answers here.
type definitions struct{ own *protoregistry.Files }

// FindFileByPath implements protodesc.Resolver.
func (d definitions) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	f, err := d.own.FindFileByPath(path)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindFileByPath(path)
	}
	return f, err
}

// FindDescriptorByName implements protodesc.Resolver.
func (d definitions) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	found, err := d.own.FindDescriptorByName(name)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindDescriptorByName(name)
	}
	return found, err
}

// newReflector tells of services by their names.
func newReflector(names []string) (*grpcreflect.Reflector, error) {
	resolver, err := newDefinitions()
	if err != nil {
		return nil, err
	}
	return grpcreflect.NewReflector(fixedNames(names), grpcreflect.WithDescriptorResolver(resolver)), nil
}

func newDefinitions() (protodesc.Resolver, error) {
	own := new(protoregistry.Files)
	for path, version := range map[string]string{"grpc/health/v1/health.proto": "v1", "grpc/reflection/v1/reflection.proto": "v1", "grpc/reflection/v1alpha/reflection.proto": "v1alpha"} {
		// The two versions of reflection have the same messages.
		served, err := protoregistry.GlobalFiles.FindFileByPath(connectPrefix + "/" + strings.Replace(path, "v1alpha", "v1", 1))
		if err != nil {
			return nil, fmt.Errorf("grpcapi: %s: %w", path, err)
		}
		text, err := protojson.Marshal(protodesc.ToFileDescriptorProto(served))
		if err != nil {
			return nil, fmt.Errorf("grpcapi: %s: %w", path, err)
		}
		var renamed descriptorpb.FileDescriptorProto
		if err := protojson.Unmarshal([]byte(strings.NewReplacer(connectPrefix+".grpc.reflection.v1", "grpc.reflection."+version, connectPrefix+"/grpc/reflection/v1", "grpc/reflection/"+version,
			connectPrefix+".", "", connectPrefix+"/", "").Replace(string(text))), &renamed); err != nil {
			return nil, fmt.Errorf("grpcapi: %s: %w", path, err)
		}
		file, err := protodesc.NewFile(&renamed, protoregistry.GlobalFiles)
		if err == nil {
			err = own.RegisterFile(file)
		}
		if err != nil {
			return nil, fmt.Errorf("grpcapi: %s: %w", path, err)
		}
	}
	return definitions{own}, nil
}

// fixedNames are services that do not change.
type fixedNames []string

// Names implements grpcreflect.Namer.
func (n fixedNames) Names() []string { return n }
