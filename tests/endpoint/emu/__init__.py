"""What the tests need of AWS and moto does not do.

moto keeps the inventory and speaks the wire formats; each module here replaces one part of its
behaviour with what AWS documents. Only public behaviour that Quarterdeck depends on is emulated: a
test that passes here checks our reading of AWS, not AWS.
"""
