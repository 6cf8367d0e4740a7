import grpc
from neurascale.v1 import neural_service_pb2_grpc, neural_service_pb2

# Create channel with authentication
credentials = grpc.ssl_channel_credentials()
call_credentials = grpc.access_token_call_credentials('YOUR_TOKEN')
composite_credentials = grpc.composite_channel_credentials(
    credentials, call_credentials
)

channel = grpc.secure_channel(
    'api.neurascale.io:443',
    composite_credentials
)

# Create service stub
stub = neural_service_pb2_grpc.NeuralServiceStub(channel)

# Stream neural data
request = neural_service_pb2.StreamRequest(
    session_id='session_123',
    device_ids=['openbci_001']
)

try:
    for packet in stub.StreamNeuralData(request):
        print(f"Received data from {packet.device_id}")
        for channel in packet.channels:
            print(f"  Channel {channel.channel_number}: {channel.value}")
except grpc.RpcError as e:
    print(f"Error: {e.code()} - {e.details()}")
