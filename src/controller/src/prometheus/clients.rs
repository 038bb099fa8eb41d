//! One client for all who ask the same Prometheus in the same way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{Client, Settings, SetupError};

/// The clients that somebody has. A thousand releases with connections of their own would be more of
/// them than a Prometheus takes, and each with its own authorities in memory.
#[derive(Debug, Default)]
pub struct Clients(Mutex<Vec<Weak<Client>>>);

impl Clients {
    /// The client for these settings, made where nobody has it yet. It goes with the last who has it.
    ///
    /// # Errors
    /// [`SetupError`] where a certificate or key cannot be used.
    pub async fn get(&self, settings: Settings) -> Result<Arc<Client>, SetupError> {
        if let Some(client) = find(&mut self.known(), &settings) {
            return Ok(client);
        }
        let client = Arc::new(Client::new(settings).await?);
        let mut known = self.known();
        // Somebody else may have made it meanwhile.
        if let Some(client) = find(&mut known, client.settings()) {
            return Ok(client);
        }
        known.push(Arc::downgrade(&client));
        Ok(client)
    }

    fn known(&self) -> MutexGuard<'_, Vec<Weak<Client>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(known: &mut Vec<Weak<Client>>, settings: &Settings) -> Option<Arc<Client>> {
    known.retain(|client| client.strong_count() > 0);
    known.iter().filter_map(Weak::upgrade).find(|client| client.settings() == settings)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::prometheus::Authentication;

    fn settings(port: u16) -> Settings {
        Settings {
            address: format!("http://127.0.0.1:{port}").parse().unwrap(),
            authentication: Authentication::None,
            headers: Vec::new(),
            ca_file: None,
            client_certificate: None,
            timeout: Duration::from_secs(2),
            scrape_interval: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn who_asks_the_same_shares_a_client_and_the_last_takes_it_along() {
        let clients = Clients::default();
        let (one, same) =
            (clients.get(settings(1)).await.unwrap(), clients.get(settings(1)).await.unwrap());
        assert!(Arc::ptr_eq(&one, &same));
        let other = clients.get(settings(2)).await.unwrap();
        assert!(!Arc::ptr_eq(&one, &other));
        drop((one, same));
        assert!(find(&mut clients.known(), &settings(1)).is_none());
        assert_eq!(clients.known().len(), 1);
    }
}
