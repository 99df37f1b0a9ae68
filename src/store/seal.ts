// Seals values that leave the process for a disk: AES-256-GCM, bound to whom they belong (S4).
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';

/** Seals text for an owner, and opens it for the same owner alone. */
export interface Seal {
  seal(text: string, owner: string): Buffer;
  /** `null`: another key, another owner, or altered bytes. */
  open(sealed: Uint8Array, owner: string): string | null;
}

const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;

/** Layout: key id, random nonce, tag, ciphertext. The owner is authenticated: a row moved elsewhere does not open. */
export function createSeal(key: Buffer): Seal {
  const keyId = createHash('sha256').update(key).digest().subarray(0, keyIdBytes);
  return {
    seal(text, owner) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(owner));
      const bytes = cipher.update(text, 'utf8');
      // GCM has nothing left to say in the end but the tag.
      cipher.final();
      return Buffer.concat([keyId, nonce, cipher.getAuthTag(), bytes]);
    },
    open(sealed, owner) {
      const bytes = Buffer.from(sealed);
      const head = keyIdBytes + nonceBytes + tagBytes;
      if (bytes.length < head || !bytes.subarray(0, keyIdBytes).equals(keyId)) return null;
      const nonce = bytes.subarray(keyIdBytes, keyIdBytes + nonceBytes);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(owner)).setAuthTag(bytes.subarray(head - tagBytes, head));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(head)), decipher.final()]).toString('utf8');
      } catch {
        return null;
      }
    },
  };
}

/** The key of an operator's secret text: 32 characters at least. Throws when it is shorter. */
export function keyOfSecret(secret: string): Buffer {
  if (secret.length < 32) throw new Error('the store key must have at least 32 characters');
  return Buffer.from(hkdfSync('sha256', secret, '', 'plugin-gateway store', 32));
}

/**
 * The key in a file, made at random on first use, readable by its owner alone. It protects a database that is copied
 * or backed up without it; an operator who wants more gives a secret by the environment.
 */
export function keyOfFile(file: string): Buffer {
  try {
    writeFileSync(file, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    chmodSync(file, 0o600);
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
  if (key.length !== 32) throw new Error(`${file} does not hold a key of 64 hexadecimal digits`);
  return key;
}
