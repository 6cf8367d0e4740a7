const { ws_url } = await getWsToken(sessionId);

const ws = new WebSocket(ws_url);

ws.onopen = () => console.log('Connected to session stream');

ws.onmessage = (event) => {
  const msg = JSON.parse(event.data);

  switch (msg.type) {
    case 'features':
      // msg.data is a feature window object
      console.log('SQI:',   msg.data.quality.overall);
      console.log('Alpha:', msg.data.features.bandpower.alpha);
      console.log('Blink:', msg.data.artifacts.blink_like);
      break;

    case 'session_ended':
      console.log('Session ended:', msg.data.ended_at);
      ws.close();
      break;
  }
};
