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
    output logic last,   // this is position SIZE - 1
    output logic wanted
);
    localparam int BITS = SIZE > 1 ? $clog2(SIZE) : 1;
    logic [BITS-1:0] position;
    hass_counter #(.SIZE(SIZE)) positions (.clk, .rst, .step, .value(position), .last);
    generate
        if (STRIDE == 1) begin : every
            assign wanted = position >= KERNEL - 1;
        end else begin : some
            logic [BITS-1:0] next;  // the next position at which a window ends
            assign wanted = position == next;
            always_ff @(posedge clk)
                if (rst | (step & last)) next <= BITS'(KERNEL - 1);
                else if (step & wanted) next <= next + BITS'(STRIDE);
        end
    endgenerate
endmodule
