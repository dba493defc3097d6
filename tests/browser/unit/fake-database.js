// A fake of IndexedDB: as much of it as proxim.js uses.

/** A database in memory. */
export class FakeDatabase {
  #stores = new Map();

  open() {
    const opening = { result: { createObjectStore: (name) => this.#stores.set(name, new Map()), transaction: () => this.#transaction() } };
    setTimeout(() => {
      if (this.#stores.size === 0) opening.onupgradeneeded();
      opening.onsuccess();
    });
    return opening;
  }

  #transaction() {
    const transaction = { objectStore: (name) => this.#store(this.#stores.get(name)) };
    setTimeout(() => transaction.oncomplete());
    return transaction;
  }

  /** @param {Map<string, any>} rows */
  #store(rows) {
    const asked = (result) => ({ result: structuredClone(result) });
    return {
      get: (id) => asked(rows.get(id)),
      getAll: () => asked([...rows.values()]),
      put: (row) => asked(void rows.set(row.id, structuredClone(row))),
      delete: (id) => asked(void rows.delete(id)),
    };
  }

  /** Return the rows of a store. */
  all(name) {
    return [...(this.#stores.get(name)?.values() ?? [])];
  }

  clear() {
    for (const rows of this.#stores.values()) rows.clear();
  }
}
