package main

import "penstock/core/eval"

// evalMine returns the miner under test, or nil where the build has none.
func evalMine() eval.Mine { return nil }

// evalDecide returns the program under test, or nil where the build has none.
func evalDecide() eval.Decide { return nil }
