# Use token in requests
curl -H "Authorization: Bearer YOUR_ACCESS_TOKEN" \
  https://api.neurascale.io/v2/devices
