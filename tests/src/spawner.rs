//! The one thread that starts child processes.
//!
//! Children ask the kernel to be killed when their parent dies, and the kernel takes the *thread*
//! that started them for their parent. A test's threads end with the test; this one lives as long
//! as the process, so that children outlive neither it nor are killed before.

use std::io;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

struct Order {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    thread::spawn(move || {
        for mut order in orders {
            // Whoever asked has gone when this fails, and with it the need for an answer.
            let _ = order.reply.send(order.command.spawn());
        }
    });
    sender
});

/// Starts `command` from the thread that never ends.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let gone = |_| io::Error::other("the thread that starts processes has gone");
    let (reply, child) = sync_channel(1);
    SPAWNER
        .send(Order { command, reply })
        .map_err(|_| io::Error::other("no thread to start processes"))?;
    child.recv().map_err(gone)?
}
