package autoscale

// memoryAt reads memory from files below a folder.
func memoryAt(root string) (Memory, error) { return linux{root}.Memory() }
