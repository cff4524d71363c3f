package main

import "time"

func (v *verb) hear(address string, limit time.Duration) error { return nil }
