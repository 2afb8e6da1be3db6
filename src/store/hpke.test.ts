// The vector for exactly this suite (mode 0, KEM 0x0020, KDF 0x0001, AEAD 0x0002) is in the machine-readable test vectors that
// RFC 9180 refers to (appendix A); the printed ones are for other AEADs. Its keys are everybody's.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, decapsulate, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { encapsulatedBytes, encryptOnce, keySchedule, openBase, sealBase } from './hpke.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const vector = {
  info: hex('4f6465206f6e2061204772656369616e2055726e'),
  skRm: hex('497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d'),
  enc: hex('6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256'),
  sharedSecret: hex('3101c54c3a4f87439eaac080699ed9bbcc726ffe44e860c0424ccb7e3e2ead7b'),
  key: hex('f50b0609186798729ed0564b36ef2ef8044f1f9d05636874d1f46c819c7a669f'),
  baseNonce: hex('151d9929e2449747889bc923'),
  aad: hex('436f756e742d30'),
  pt: hex('4265617574792069732074727574682c20747275746820626561757479'),
  ct: hex('e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a'),
};
/** X25519 as PrivateKeyInfo (RFC 8410). */
const recipient = createPrivateKey({
  key: Buffer.concat([hex('302e020100300506032b656e04220420'), vector.skRm]),
  format: 'der',
  type: 'pkcs8',
});
const { info, aad } = vector;

describe('HPKE', () => {
  it('reaches the shared secret, the key and the nonce of the vector', () => {
    assert.deepEqual(decapsulate(recipient, vector.enc), vector.sharedSecret);
    assert.deepEqual(keySchedule(vector.sharedSecret, info), { key: vector.key, nonce: vector.baseNonce });
  });

  it('encrypts and opens what the vector says', () => {
    assert.deepEqual(encryptOnce(keySchedule(vector.sharedSecret, info), aad, vector.pt), vector.ct);
    assert.deepEqual(openBase(recipient, { info, aad }, Buffer.concat([vector.enc, vector.ct])), vector.pt);
  });

  it('opens what it seals, of any length, and never seals twice alike', () => {
    const publicKey = createPublicKey(recipient);
    for (const length of [0, 1, 15, 16, 17, 65_536]) {
      const plaintext = Buffer.alloc(length, 7);
      const sealed = sealBase(publicKey, { info, aad }, plaintext);
      assert.deepEqual(openBase(recipient, { info, aad }, sealed), plaintext);
      assert.notDeepEqual(sealBase(publicKey, { info, aad }, plaintext), sealed);
    }
  });

  it('opens nothing with another key, other bytes around it, cut or with any bit turned', () => {
    const sealed = sealBase(createPublicKey(recipient), { info, aad }, vector.pt);
    const other = generateKeyPairSync('x25519').privateKey;
    assert.equal(openBase(other, { info, aad }, sealed), undefined);
    assert.equal(openBase(recipient, { info: Buffer.from('x'), aad }, sealed), undefined);
    assert.equal(openBase(recipient, { info, aad: Buffer.from('x') }, sealed), undefined);
    for (let length = 0; length < sealed.length; length += 1) {
      assert.equal(openBase(recipient, { info, aad }, sealed.subarray(0, length)), undefined, `cut to ${length}`);
    }
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const turned = Buffer.from(sealed);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // X25519 does not look at the topmost bit of a public key; the key schedule does.
      assert.equal(openBase(recipient, { info, aad }, turned), undefined, `bit ${bit}`);
    }
  });

  it('opens nothing that was sealed with a point of small order, whose secret everybody knows', () => {
    const forged = Buffer.concat([Buffer.alloc(encapsulatedBytes), vector.ct]);
    assert.equal(openBase(recipient, { info, aad }, forged), undefined);
  });
});
