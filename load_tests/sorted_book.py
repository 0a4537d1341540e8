"""The plain Python book beside the core: SortedDict, deque and dict, and no conditions."""

from collections import deque

from sortedcontainers import SortedDict

Fill = tuple[int, int, int]


class SortedBook:
    """Limit orders and cancels, as fast as Python without extensions does them."""

    def __init__(self) -> None:
        # Prices are stored with the sign that puts the best of a side first.
        self._sides = {1: SortedDict(), 2: SortedDict()}
        self._orders: dict[int, list[int]] = {}

    def place(self, order_id: int, side: int, price: int, qty: int) -> list[Fill]:
        """Trades what it can and rests what is left; (maker order id, price, qty) of each fill."""
        fills: list[Fill] = []
        opposite = self._sides[3 - side]
        limit = price if side == 1 else -price
        while qty and opposite:
            key, queue = opposite.peekitem(0)
            if key > limit:
                break
            maker = queue[0]
            maker_id, leaves_qty = maker[0], maker[3]
            if leaves_qty == 0:
                # It was cancelled, and stays in the queue until it comes up.
                queue.popleft()
            else:
                filled_qty = min(qty, leaves_qty)
                qty -= filled_qty
                maker[3] -= filled_qty
                fills.append((maker_id, maker[2], filled_qty))
                if maker[3] == 0:
                    queue.popleft()
                    del self._orders[maker_id]
            if not queue:
                del opposite[key]
        if qty:
            key = -price if side == 1 else price
            order = [order_id, side, price, qty]
            queue = self._sides[side].get(key)
            if queue is None:
                queue = self._sides[side][key] = deque()
            queue.append(order)
            self._orders[order_id] = order
        return fills

    def cancel(self, order_id: int) -> int:
        """What was left of the order, 0 where unknown."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return 0
        qty, order[3] = order[3], 0
        return qty
