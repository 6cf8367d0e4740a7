package main

import "context"

func benchDecoders(context.Context) error { return nil }
