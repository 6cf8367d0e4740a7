package models

// SessionStates lists every state.
func SessionStates() []SessionState {
	return []SessionState{SessionOpen, SessionEnded, SessionUploading, SessionProcessing, SessionComplete, SessionFailed}
}

// SessionTriggers lists every trigger.
func SessionTriggers() []SessionTrigger {
	return []SessionTrigger{TriggerIngest, TriggerEnd, TriggerWindowed, TriggerFailed}
}
