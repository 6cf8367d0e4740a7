# Get access token
curl -X POST https://api.neurascale.io/v2/auth/login \
  -H "Content-Type: application/json" \
  -d '{"email": "your-email@example.com", "password": "your-password"}'
