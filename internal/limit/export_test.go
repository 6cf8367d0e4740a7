package limit

// Forget ends the renewal of everything that is held and gives nothing back, as a process does that is killed.
func (s *Slots) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.held)
	if s.renewal != nil {
		close(s.renewal)
		s.renewal = nil
	}
}
