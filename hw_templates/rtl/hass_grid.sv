// Says of positions 0..SIZE-1, one a step and again from 0, at which of them a window of KERNEL
// positions ends that lies inside and on the stride's grid: KERNEL - 1, KERNEL - 1 + STRIDE, ...
module hass_grid #(
    parameter int SIZE = 8,
    parameter int KERNEL = 3,
    parameter int STRIDE = 1
) (
    input  logic clk,
    input  logic rst,
    input  logic step,
    output logic wanted
);
    localparam int BITS = SIZE > 1 ? $clog2(SIZE) : 1;
    logic [BITS-1:0] position, next;  // next: the next position at which a window ends
    assign wanted = position == next;
    always_ff @(posedge clk)
        if (rst) begin
            position <= '0;
            next <= BITS'(KERNEL - 1);
        end else if (step) begin
            if (position == SIZE - 1) begin
                position <= '0;
                next <= BITS'(KERNEL - 1);
            end else begin
                position <= position + 1'b1;
                if (wanted) next <= next + BITS'(STRIDE);
            end
        end
endmodule
