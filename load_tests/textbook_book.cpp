// The order book as textbooks draw it, to compare the core with: an ordered map of price levels, a
// list of orders at each, and a hash map from ids to places in those lists. It knows limit orders
// and cancels, no conditions, and it reads the same prepared commands as core_loop.pyx.

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <unordered_map>
#include <vector>

namespace {

struct Command {
    int64_t order_id;
    int32_t book_index;
    int32_t price;  // 0 cancels
    int32_t qty;
    int32_t side;  // 1 buys, 2 sells
};

struct Order {
    int64_t id;
    int32_t price;
    int32_t leaves_qty;
    int32_t side;
};

using Queue = std::list<Order>;

class Book {
  public:
    // Trades what it can and rests what is left; what was traded.
    int64_t place(const Command &command) {
        return command.side == 1 ? enter(command, bids, asks) : enter(command, asks, bids);
    }

    // What was left of the order.
    int64_t cancel(int64_t id) {
        auto found = orders.find(id);
        if (found == orders.end()) return 0;
        auto order = found->second;
        int64_t qty = order->leaves_qty;
        if (order->side == 1)
            erase(bids, order);
        else
            erase(asks, order);
        orders.erase(found);
        return qty;
    }

  private:
    std::map<int32_t, Queue, std::greater<int32_t>> bids;
    std::map<int32_t, Queue, std::less<int32_t>> asks;
    std::unordered_map<int64_t, Queue::iterator> orders;

    template <class Own, class Opposite>
    int64_t enter(const Command &command, Own &own, Opposite &opposite) {
        int32_t leaves_qty = command.qty;
        while (leaves_qty > 0 && !opposite.empty()) {
            auto best = opposite.begin();
            // A price that the map would place before the limit is better than it.
            if (opposite.key_comp()(command.price, best->first)) break;
            Queue &queue = best->second;
            Order &maker = queue.front();
            int32_t qty = leaves_qty < maker.leaves_qty ? leaves_qty : maker.leaves_qty;
            maker.leaves_qty -= qty;
            leaves_qty -= qty;
            if (maker.leaves_qty == 0) {
                orders.erase(maker.id);
                queue.pop_front();
                if (queue.empty()) opposite.erase(best);
            }
        }
        if (leaves_qty > 0) {
            Queue &queue = own[command.price];
            queue.push_back({command.order_id, command.price, leaves_qty, command.side});
            orders.emplace(command.order_id, std::prev(queue.end()));
        }
        return command.qty - leaves_qty;
    }

    template <class Side>
    void erase(Side &side, Queue::iterator order) {
        auto level = side.find(order->price);
        level->second.erase(order);
        if (level->second.empty()) side.erase(level);
    }
};

}  // namespace

extern "C" {

void *textbook_new(int64_t count) { return new std::vector<Book>(count); }

void textbook_delete(void *books) { delete static_cast<std::vector<Book> *>(books); }

// Runs the commands; the same checksum as core_loop.run.
int64_t textbook_run(void *handle, const Command *commands, int64_t count) {
    auto &books = *static_cast<std::vector<Book> *>(handle);
    int64_t done_qty = 0;
    for (int64_t index = 0; index < count; ++index) {
        const Command &command = commands[index];
        Book &book = books[command.book_index];
        done_qty += command.price == 0 ? book.cancel(command.order_id) : book.place(command);
    }
    return done_qty;
}
}
