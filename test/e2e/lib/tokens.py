"""Tokens and keys made by hand, so that the product's own signing is not needed to test its verifying."""
import base64
import hashlib
import hmac
import json
import os
import time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(secret, device, tenant=None, life_s=3600, kid="k1", alg="HS256", **claims):
    body = {"sub": device, "exp": int(time.time()) + life_s, **({"tenant": tenant} if tenant else {}), **claims}
    body = {name: value for name, value in body.items() if value is not None}
    head = {"alg": alg, "typ": "JWT", "kid": kid}
    signed = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
    mac = b"" if alg == "none" else hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return signed + "." + b64(mac)


def api_key(name):
    """(text, row of the configuration without tenant and scopes)"""
    ident = (name + "00000000")[:12]
    text = f"hfk_{ident}_{b64(os.urandom(32))}"
    return text, {"id": ident, "sha256": hashlib.sha256(text.encode()).hexdigest()}
