// Subscribe to data stream
ws.send(JSON.stringify({
  type: 'subscribe',
  topic: 'neural_data',
  session_id: 'session_123'
}));
