package service

// SampleTopic is the topic of the engine on which it is said that a session has new samples. All else that changes in a session is said on the topic of its
// id: many more follow that, and samples come many times a second.
func SampleTopic(sessionID string) string { return sessionID + ".samples" }
