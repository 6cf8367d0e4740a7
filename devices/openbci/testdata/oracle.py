"""What BrainFlow reads of a board: the samples of a port as JSON."""

import json
import sys
import time

from brainflow.board_shim import BoardShim, BrainFlowInputParams

board, port, count, address, other, command = sys.argv[1:]
board, count = int(board), int(count)
BoardShim.disable_board_logger()
params = BrainFlowInputParams()
params.serial_port, params.mac_address, params.other_info, params.timeout = port, address, other, 20
shim = BoardShim(board, params)
shim.prepare_session()
if command:
    shim.config_board(command)
shim.start_stream(45000)
end = time.monotonic() + 60
while shim.get_board_data_count() < count and time.monotonic() < end:
    time.sleep(0.02)
data = shim.get_board_data()
print(json.dumps(data[BoardShim.get_eeg_channels(board)].T[:count].tolist()), flush=True)
shim.stop_stream()
shim.release_session()
