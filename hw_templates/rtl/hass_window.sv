// Sliding window of ROWS x COLUMNS over a frame of HEIGHT x WIDTH x CHANNELS words that arrive in
// (row, column, channel) order, padding included. Each word in completes the window of its channel
// that ends at its position; windows on the stride's grid and inside the frame are offered with it, in
// the same cycle, and the word is taken when the window is; the other words are taken at once.
//
// ROWS - 1 rows wait in line buffers, side by side in one memory, COLUMNS - 1 columns in another.
// out holds tap (r, c) at word r * COLUMNS + c; (0, 0) is the oldest.
// The registers that the memories read into hold the window; there are no others.
module hass_window #(
    parameter int HEIGHT = 8,
    parameter int WIDTH = 8,
    parameter int CHANNELS = 4,
    parameter int ROWS = 3,
    parameter int COLUMNS = 3,
    parameter int STRIDE = 1,
    parameter int BITS = 16
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic                         in_valid,
    output logic                         in_ready,
    input  logic [BITS-1:0]              in,
    output logic                         out_valid,
    input  logic                         out_ready,
    output logic [ROWS*COLUMNS*BITS-1:0] out
);
    // where the word at the input belongs, and whether a window ends there that is on the stride's
    // grid and inside the frame
    logic take, wanted, row_wanted, column_wanted, last_channel, last_column;
    assign wanted = row_wanted & column_wanted;
    assign out_valid = in_valid & wanted;
    assign in_ready = !wanted | out_ready;
    assign take = in_valid & in_ready;
    hass_counter #(.SIZE(CHANNELS)) channels (
        .clk, .rst, .step(take), .value(), .last(last_channel));
    hass_grid #(.SIZE(WIDTH), .KERNEL(COLUMNS), .STRIDE(STRIDE)) column_grid (
        .clk, .rst, .step(take & last_channel), .last(last_column), .wanted(column_wanted));
    hass_grid #(.SIZE(HEIGHT), .KERNEL(ROWS), .STRIDE(STRIDE)) row_grid (
        .clk, .rst, .step(take & last_channel & last_column), .last(), .wanted(row_wanted));

    // the column of the window that ends here: the word at the input and those above it
    logic [ROWS*BITS-1:0] newest;
    assign newest[(ROWS-1)*BITS+:BITS] = in;
    generate
        if (ROWS > 1) begin : lines
            logic [(ROWS-1)*BITS-1:0] above;
            hass_recall #(.DEPTH(WIDTH * CHANNELS), .WIDTH((ROWS - 1) * BITS)) buffer (
                .clk, .rst, .enable(take), .in(newest[ROWS*BITS-1:BITS]), .out(above));
            assign newest[(ROWS-1)*BITS-1:0] = above;
        end
    endgenerate

    // the columns before it, oldest first
    logic [ROWS*COLUMNS*BITS-1:0] columns;
    assign columns[(COLUMNS-1)*ROWS*BITS+:ROWS*BITS] = newest;
    generate
        if (COLUMNS > 1) begin : taps
            logic [ROWS*(COLUMNS-1)*BITS-1:0] older;
            hass_recall #(.DEPTH(CHANNELS), .WIDTH(ROWS * (COLUMNS - 1) * BITS)) buffer (
                .clk, .rst, .enable(take), .in(columns[ROWS*COLUMNS*BITS-1:ROWS*BITS]),
                .out(older));
            assign columns[ROWS*(COLUMNS-1)*BITS-1:0] = older;
        end
    endgenerate

    genvar r, c;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : tap_row
            for (c = 0; c < COLUMNS; c = c + 1) begin : tap
                assign out[(r*COLUMNS+c)*BITS+:BITS] = columns[(c*ROWS+r)*BITS+:BITS];
            end
        end
    endgenerate
endmodule
