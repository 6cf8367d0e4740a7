const response = await fetch('https://api.neurascale.io/v2/devices/openbci_001/stream/start', {
  method: 'POST',
  headers: {
    'Authorization': 'Bearer YOUR_TOKEN',
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    sample_rate: 250,
    channels: [1, 2, 3, 4, 5, 6, 7, 8],
    filters: {
      notch: 60,
      highpass: 0.5,
      lowpass: 100
    }
  })
});

const result = await response.json();
console.log('Stream started:', result.stream_id);
